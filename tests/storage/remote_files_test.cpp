#include "storage/remote_files.h"

#include "base/error.h"
#include "base/json.h"
#include "object_store.h"
#include "storage/atomic_file.h"
#include "storage/byte_stream.h"
#include "storage/child_process.h"
#include "storage/lines.h"
#include "storage/manifest.h"
#include "storage/parquet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

namespace tpt::storage {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// What an error says, with its kind in front.
template <typename Work>
std::string trouble(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    const std::string kind = error.kind() == ErrorKind::io     ? "io: "
                             : error.kind() == ErrorKind::user ? "user: "
                             : error.kind() == ErrorKind::data ? "data: "
                                                               : "other: ";
    return kind + error.what();
  }
  return "none";
}

std::string all_bytes(const std::filesystem::path& path) {
  const auto stream = open_byte_stream(path);
  std::string bytes;
  std::string piece(100'000, '\0');
  for (std::size_t got = 0; (got = stream->read(piece.data(), piece.size())) > 0;) {
    bytes.append(piece, 0, got);
  }
  return bytes;
}

std::string patterned(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 13U);
  return bytes;
}

class RemoteFilesSlow : public ObjectStoreTest {
 protected:
  TemporaryFolder folder;
};

TEST_F(RemoteFilesSlow, BotoAndWeSeeTheSameObjects) {
  store->client(R"(
for key in ['n/a b.txt', 'n/é ü.txt', 'n/per%41cent+plus.txt', 'n/[1].txt', 'n/deep/er/x', 'other/y']:
    s3.put_object(Bucket='corpus', Key=key, Body=key.encode()))");
  std::vector<std::string> names;
  for (const StoredFile& file : list_remote("s3://corpus/n")) {
    names.push_back(file.path.string());
    const std::string key = file.path.string().substr(std::string("s3://corpus/").size());
    EXPECT_EQ(read_remote(file.path), key);
    EXPECT_EQ(file.bytes, static_cast<std::int64_t>(key.size()));
    EXPECT_EQ(look_up_remote(file.path).kind, RemoteKind::file);
  }
  EXPECT_THAT(names, ElementsAre("s3://corpus/n/[1].txt", "s3://corpus/n/a b.txt",
                                 "s3://corpus/n/deep/er/x", "s3://corpus/n/per%41cent+plus.txt",
                                 "s3://corpus/n/é ü.txt"));
  EXPECT_EQ(look_up_remote("s3://corpus/n/deep").kind, RemoteKind::folder);
  EXPECT_EQ(look_up_remote("s3://corpus/n/").kind, RemoteKind::folder);
  EXPECT_EQ(look_up_remote("s3://corpus/m").kind, RemoteKind::missing);
  EXPECT_EQ(look_up_remote("s3://nobucket/m").kind, RemoteKind::missing);
  put_remote_bytes("mine", "s3://corpus/w/é x+%20.bin");
  put_remote_bytes("", "s3://corpus/w/empty");
  put_remote_bytes("gone", "s3://corpus/w/gone");
  remove_remote("s3://corpus/w/gone");
  remove_remote("s3://corpus/w/gone");
  EXPECT_EQ(store->client(R"(
listed = s3.list_objects_v2(Bucket='corpus', Prefix='w/')['Contents']
print([(o['Key'], s3.get_object(Bucket='corpus', Key=o['Key'])['Body'].read()) for o in listed if o['Size'] or o['Key'] == 'w/empty']))"),
            "[('w/empty', b''), ('w/é x+%20.bin', b'mine')]\n");
}

TEST_F(RemoteFilesSlow, AListingOfManyPagesIsWhole) {
  store->control(R"({"fill": ["corpus", "many/", 2345]})");
  const auto files = list_remote("s3://corpus/many");
  ASSERT_EQ(files.size(), 2345U);
  EXPECT_EQ(files.back().path, "s3://corpus/many/02344.txt");
  // A page that fails is asked for again; the listing is never short.
  store->control(
      R"({"fault": "slow_down", "times": 1, "method": "GET", "match": "many", "skip": 1})");
  store->control(R"({"fault": "reset", "times": 1, "method": "GET", "match": "many", "skip": 1})");
  EXPECT_EQ(list_remote("s3://corpus/many").size(), 2345U);
}

TEST_F(RemoteFilesSlow, LargeObjectsGoBothWaysWhole) {
  const std::string bytes = patterned(27'000'001);
  spill(folder / "large", bytes);
  put_remote(folder / "large", "s3://corpus/large.bin");
  EXPECT_EQ(store->client(R"(
import hashlib
print(hashlib.sha256(s3.get_object(Bucket='corpus', Key='large.bin')['Body'].read()).hexdigest()))"),
            digest_inputs({folder / "large"})[0].sha256 + "\n");
  EXPECT_EQ(all_bytes("s3://corpus/large.bin"), bytes);
  fetch_remote("s3://corpus/large.bin", folder / "back");
  EXPECT_EQ(read_file(folder / "back"), bytes);
}

TEST_F(RemoteFilesSlow, ArchivesAreDecompressedAndLinesSplit) {
  store->client(R"(
import gzip, pyarrow
lines = ''.join(f'line {n} ' + 'x' * (n % 997) + '\n' for n in range(40000)).encode()
s3.put_object(Bucket='corpus', Key='t/plain.txt', Body=lines)
s3.put_object(Bucket='corpus', Key='t/some.gz', Body=gzip.compress(lines))
s3.put_object(Bucket='corpus', Key='t/some.zst', Body=pyarrow.compress(lines, 'zstd', asbytes=True)))");
  const std::string expected = all_bytes("s3://corpus/t/plain.txt");
  EXPECT_GT(expected.size(), 20'000'000U);
  EXPECT_EQ(all_bytes("s3://corpus/t/some.gz"), expected);
  EXPECT_EQ(all_bytes("s3://corpus/t/some.zst"), expected);
  LineReader reader("s3://corpus/t/some.zst");
  std::int64_t count = 0;
  for (Line line; reader.next(line); ++count) {
    ASSERT_TRUE(line.text.starts_with("line " + std::to_string(count) + " ")) << count;
  }
  EXPECT_EQ(count, 40000);
}

TEST_F(RemoteFilesSlow, ParquetOfPyarrowIsReadWithFewRequests) {
  store->client(R"(
import pyarrow as pa, pyarrow.parquet as pq
rows = 20000
table = pa.table({'id': pa.array(range(rows)), 'text': [f'row {n} ' + str(n * 7919) * 40 for n in range(rows)]})
pq.write_table(table, 'corpus/p/x.parquet', filesystem=fs, row_group_size=5000))");
  store->control("{}");
  ParquetReader reader("s3://corpus/p/x.parquet");
  EXPECT_EQ(reader.rows(), 20000);
  std::vector<Value> row;
  std::int64_t count = 0;
  for (; reader.next(row); ++count) {
    ASSERT_EQ(std::get<std::int64_t>(row[0]), count);
    ASSERT_TRUE(std::get<std::string>(row[1]).starts_with("row " + std::to_string(count) + " "));
  }
  EXPECT_EQ(count, 20000);
  // The footer, and each column of four row groups once.
  EXPECT_LE(Json::parse(store->control(R"({"fault": "none", "times": 0})")).at("GET").get<int>(),
            20);
}

TEST_F(RemoteFilesSlow, TroubleThatPassesIsWaitedOut) {
  const std::string bytes = patterned(20'000'000);
  spill(folder / "f", bytes);
  for (const char* fault : {"slow_down", "reset"}) {
    for (const char* method : {"PUT", "POST"}) {
      const Json order = {{"fault", fault}, {"times", 2}, {"method", method}, {"match", "faulty"}};
      store->control(order.dump());
    }
    put_remote(folder / "f", "s3://corpus/faulty");
    EXPECT_EQ(read_remote("s3://corpus/faulty"), bytes) << fault;
  }
  for (const char* fault : {"slow_down", "reset", "cut"}) {
    const Json order = {{"fault", fault}, {"times", 3}, {"method", "GET"}, {"match", "faulty"}};
    store->control(order.dump());
    EXPECT_EQ(all_bytes("s3://corpus/faulty"), bytes) << fault;
  }
}

TEST_F(RemoteFilesSlow, TroubleThatStaysIsAnErrorThatSaysWhatAndWhere) {
  put_remote_bytes("old", "s3://corpus/stays");
  const std::string forever = R"({"fault": "slow_down", "times": 1000, "match": "stays"})";
  store->control(forever);
  EXPECT_THAT(trouble([] { read_remote("s3://corpus/stays"); }),
              AllOf(HasSubstr("io: s3://corpus/stays"), HasSubstr("503")));
  EXPECT_THAT(trouble([] { put_remote_bytes("new", "s3://corpus/stays"); }),
              HasSubstr("SLOW_DOWN"));
  EXPECT_THAT(trouble([] { (void)list_remote("s3://corpus/stays"); }), HasSubstr("io: "));
  spill(folder / "large", patterned(30'000'000));
  EXPECT_THAT(trouble([&] { put_remote(folder / "large", "s3://corpus/stays"); }),
              HasSubstr("io: "));
  store->control("{}");
  EXPECT_EQ(read_remote("s3://corpus/stays"), "old");
  EXPECT_THAT(trouble([] { read_remote("s3://corpus/none"); }), HasSubstr("io: s3://corpus/none"));
  EXPECT_THAT(trouble([] { put_remote_bytes("x", "s3://nobucket/x"); }),
              HasSubstr("NO_SUCH_BUCKET"));
  EXPECT_THAT(trouble([] { put_remote_bytes("x", "s3:///x"); }), HasSubstr("user: "));
}

TEST_F(RemoteFilesSlow, AnUploadThatBreaksInTheMiddleLeavesTheOldObject) {
  put_remote_bytes("old", "s3://corpus/upload");
  spill(folder / "large", patterned(30'000'000));
  store->control(
      R"({"fault": "slow_down", "times": 1000, "method": "PUT", "match": "partNumber=2"})");
  EXPECT_THAT(trouble([&] { put_remote(folder / "large", "s3://corpus/upload"); }),
              HasSubstr("io: s3://corpus/upload"));
  store->control("{}");
  EXPECT_EQ(read_remote("s3://corpus/upload"), "old");
  EXPECT_EQ(store->client("print(s3.list_multipart_uploads(Bucket='corpus').get('Uploads', []))"),
            "[]\n");
  // And of one that is killed.
  const int status = in_child([&] {
    alarm(1);
    store->control(R"({"fault": "hold", "times": 1000, "method": "PUT", "match": "partNumber"})");
    put_remote(folder / "large", "s3://corpus/upload");
    return 0;
  });
  EXPECT_EQ(status, 128 + SIGALRM);
  store->control("{}");
  EXPECT_EQ(read_remote("s3://corpus/upload"), "old");
}

// What is read while the service goes away is no damaged file: those are kept aside, and a corpus
// would lose its documents.
TEST_F(RemoteFilesSlow, AServiceThatGoesAwayIsNoDamage) {
  store->client(R"(
import pyarrow as pa, pyarrow.parquet as pq
table = pa.table({'text': [str(n) * 3000 for n in range(4000)]})
pq.write_table(table, 'corpus/g/x.parquet', filesystem=fs, row_group_size=1000, compression='none'))");
  ParquetReader reader("s3://corpus/g/x.parquet");
  store->control(R"({"fault": "reset", "times": 1000})");
  std::vector<Value> row;
  EXPECT_THAT(trouble([&] {
                while (reader.next(row)) {
                }
              }),
              HasSubstr("io: s3://corpus/g/x.parquet"));
  EXPECT_THAT(trouble([] { ParquetReader another("s3://corpus/g/x.parquet"); }), HasSubstr("io: "));
  store->control("{}");
  put_remote_bytes("PAR1 this is no Parquet PAR1", "s3://corpus/g/y.parquet");
  EXPECT_THAT(trouble([] { ParquetReader damaged("s3://corpus/g/y.parquet"); }),
              HasSubstr("data: "));
}

TEST_F(RemoteFilesSlow, DigestsAreETagsAndTellChanges) {
  store->client(R"(
s3.create_bucket(Bucket='kept-versions')
s3.put_bucket_versioning(Bucket='kept-versions', VersioningConfiguration={'Status': 'Enabled'})
for bucket in ('corpus', 'kept-versions'):
    s3.put_object(Bucket=bucket, Key='d/one', Body=b'one')
    s3.put_object(Bucket=bucket, Key='d/two', Body=b'two'))");
  const auto before = digest_inputs({"s3://kept-versions/d"});
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(before[0].etag, "f97c5d29941bfb1b2fdab0874906ab82");  // the MD5 of "one"
  EXPECT_EQ(before[0].sha256, "");
  EXPECT_FALSE(before[0].version.empty());
  EXPECT_EQ(digest_inputs({"s3://corpus/d/one"})[0].version, "");
  const Json recipe = Json::object();
  EXPECT_FALSE(already_finished(folder / "out", "step", recipe, before));
  // The same content under another version or name is no change, other content is.
  put_remote_bytes("one", "s3://kept-versions/d/one");
  EXPECT_FALSE(
      already_finished(folder / "out", "step", recipe, digest_inputs({"s3://kept-versions/d"})));
  EXPECT_FALSE(already_finished(folder / "out", "step", recipe, digest_inputs({"s3://corpus/d"})));
  write_manifest(folder / "out", {.step = "step", .recipe = recipe, .inputs = before}, {});
  EXPECT_EQ(read_manifest(folder / "out")->inputs, before);
  put_remote_bytes("ONE", "s3://kept-versions/d/one");
  EXPECT_THAT(trouble([&] {
                (void)already_finished(folder / "out", "step", recipe,
                                       digest_inputs({"s3://kept-versions/d"}));
              }),
              HasSubstr("input s3://kept-versions/d/one has other content"));
}

TEST_F(RemoteFilesSlow, WrongKeysAreRefusedAndNeverTold) {
  const auto strict = ObjectStore::start(true);
  const std::string said = trouble([] { read_remote("s3://corpus/x"); }) +
                           trouble([] { put_remote_bytes("x", "s3://corpus/x"); }) +
                           trouble([] { (void)list_remote("s3://corpus/"); });
  EXPECT_THAT(said, AllOf(HasSubstr("io: s3://corpus/x"), HasSubstr("check AWS_ACCESS_KEY_ID"),
                          Not(HasSubstr(ObjectStore::kKey)), Not(HasSubstr(ObjectStore::kSecret))));
  setenv("AWS_ENDPOINT_URL", "http://me:secret@host", 1);
  EXPECT_THAT(trouble([] { read_remote("s3://corpus/x"); }),
              AllOf(HasSubstr("user: AWS_ENDPOINT_URL"), Not(HasSubstr("secret"))));
}

TEST_F(RemoteFilesSlow, AServerThatIsNotThereIsSaidSo) {
  setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 1);
  EXPECT_THAT(trouble([] { read_remote("s3://corpus/x"); }),
              AllOf(HasSubstr("io: s3://corpus/x"), HasSubstr("check AWS_ENDPOINT_URL")));
}

}  // namespace
}  // namespace tpt::storage
