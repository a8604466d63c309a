#include "storage/lines.h"

#include "base/error.h"
#include "base/random.h"
#include "storage/byte_stream.h"
#include "storage/child_process.h"

#include <gmock/gmock.h>
#include <zlib.h>
#include <zstd.h>

#include <vector>

namespace tpt::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string gzip(const std::string& text) {
  std::string out(compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::vector<std::string> lines_of(const std::filesystem::path& path,
                                  std::size_t max_line_bytes = LineReader::kMaxLineBytes) {
  LineReader reader(path, max_line_bytes);
  std::vector<std::string> lines;
  for (Line line; reader.next(line);) {
    lines.push_back((line.too_long ? "too long: " : "") + std::string(line.text));
    EXPECT_EQ(line.number, static_cast<std::int64_t>(lines.size()));
  }
  return lines;
}

// Lines whose lengths and bytes vary, with every byte but "\n" and "\r" in them.
std::vector<std::string> some_lines(std::size_t bytes) {
  Random random(7);
  std::vector<std::string> lines;
  for (std::size_t written = 0; written < bytes;) {
    std::string line(random.below(random.below(10) == 0 ? 3000 : 80), ' ');
    for (char& letter : line) {
      letter = static_cast<char>(random.below(random.below(2) == 0 ? 256 : 4));
      if (letter == '\n' || letter == '\r') letter = 'n';
    }
    written += line.size() + 1;
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(LineReader, SplitsOnNewlinesOnly) {
  const TemporaryFolder folder;
  spill(folder / "a", "one\r\n\ntw\ro\x0B\x0C\xC2\x85\xE2\x80\xA8\nlast");
  EXPECT_THAT(lines_of(folder / "a"),
              ElementsAre("one", "", "tw\ro\x0B\x0C\xC2\x85\xE2\x80\xA8", "last"));
  spill(folder / "a", "");
  EXPECT_THAT(lines_of(folder / "a"), ElementsAre());
  spill(folder / "a", "\n");
  EXPECT_THAT(lines_of(folder / "a"), ElementsAre(""));
}

TEST(LineReader, GivesTheSameLinesPlainAndPacked) {
  const TemporaryFolder folder;
  // Sizes around the reader's and the decoders' own buffers.
  for (const std::size_t size : {100, 65'000, 65'536, 131'072, 262'144, 1'000'000, 5'000'000}) {
    const auto lines = some_lines(size);
    const std::string text = join(lines);
    spill(folder / "plain", text);
    spill(folder / "gz", gzip(text));
    spill(folder / "zst", zstd(text));
    EXPECT_TRUE(lines_of(folder / "plain") == lines) << size;
    EXPECT_TRUE(lines_of(folder / "gz") == lines) << size;
    EXPECT_TRUE(lines_of(folder / "zst") == lines) << size;
  }
}

TEST(LineReader, TellsHowMuchOfTheFileItTook) {
  const TemporaryFolder folder;
  const std::string packed = gzip(join(some_lines(100'000)));
  spill(folder / "gz", packed);
  LineReader reader(folder / "gz");
  for (Line line; reader.next(line);) continue;
  EXPECT_EQ(reader.file_bytes(), static_cast<std::int64_t>(packed.size()));
}

TEST(ByteStream, GivesEveryByteWhateverTheBuffer) {
  const TemporaryFolder folder;
  const std::string text = join(some_lines(300'000)) + std::string(100'000, 'x');
  spill(folder / "zst", zstd(text));
  spill(folder / "gz", gzip(text));
  for (const char* name : {"zst", "gz"}) {
    for (const std::size_t size : {1U, 7U, 4096U, 65'536U, 1'000'000U}) {
      const auto stream = open_byte_stream(folder / name);
      std::string buffer(size, ' ');
      std::string all;
      for (std::size_t got = 0; (got = stream->read(buffer.data(), size)) > 0;) {
        all.append(buffer, 0, got);
      }
      EXPECT_TRUE(all == text) << name << " " << size;
    }
  }
}

TEST(LineReader, ReadsArchivesOfSeveralParts) {
  const TemporaryFolder folder;
  spill(folder / "gz", gzip("a\nb") + gzip("c\n") + gzip("") + gzip("d\n"));
  EXPECT_THAT(lines_of(folder / "gz"), ElementsAre("a", "bc", "d"));
  spill(folder / "zst", zstd("a\nb") + zstd("c\n") + zstd("") + zstd("d\n"));
  EXPECT_THAT(lines_of(folder / "zst"), ElementsAre("a", "bc", "d"));
  // pzstd writes a skippable frame first.
  const std::string skippable("\x50\x2a\x4d\x18\x04\0\0\0abcd", 12);
  spill(folder / "pzst", skippable + zstd("a\nb\n"));
  EXPECT_THAT(lines_of(folder / "pzst"), ElementsAre("a", "b"));
}

// Cut anywhere, an archive gives lines of the original and then an error with the file's name.
TEST(LineReader, NamesArchivesThatAreCutShort) {
  const TemporaryFolder folder;
  const auto lines = some_lines(200'000);
  for (const std::string& packed : {gzip(join(lines)), zstd(join(lines))}) {
    Random random(3);
    for (int trial = 0; trial < 30; ++trial) {
      const std::size_t size = 5 + random.below(packed.size() - 5);
      spill(folder / "cut", packed.substr(0, size));
      LineReader reader(folder / "cut");
      std::size_t read = 0;
      try {
        for (Line line; reader.next(line); ++read) {
          ASSERT_LT(read, lines.size());
          ASSERT_TRUE(line.text == lines[read]) << size;
        }
        ADD_FAILURE() << "no error at " << size;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::data);
        EXPECT_THAT(error.what(), HasSubstr((folder / "cut").string()));
      }
    }
  }
}

// A gzip archive checks itself: no flipped bit goes unnoticed, and none makes us crash.
TEST(LineReader, NoticesFlippedBits) {
  const TemporaryFolder folder;
  const auto lines = some_lines(50'000);
  const std::string packed = gzip(join(lines));
  Random random(5);
  for (int trial = 0; trial < 100; ++trial) {
    std::string flipped = packed;
    // Behind the header, whose time and name nobody checks.
    flipped[10 + random.below(packed.size() - 10)] ^= static_cast<char>(1U << random.below(8));
    spill(folder / "flipped", flipped);
    EXPECT_THROW((void)lines_of(folder / "flipped"), Error);
  }
}

TEST(LineReader, SkipsTheRestOfALineThatIsTooLong) {
  const TemporaryFolder folder;
  for (const std::size_t size : {11U, 70'000U, 1'000'000U}) {
    spill(folder / "a", "one\n" + std::string(size, 'x') + "\ntwo\n" + std::string(size, 'y'));
    EXPECT_THAT(lines_of(folder / "a", 10),
                ElementsAre("one", "too long: xxxxxxxxxx", "two", "too long: yyyyyyyyyy"))
        << size;
  }
  spill(folder / "a", "0123456789\nshort\n");
  EXPECT_THAT(lines_of(folder / "a", 10), ElementsAre("0123456789", "short"));
}

TEST(LineReaderSlow, ReadsALineOf100Megabytes) {
  const TemporaryFolder folder;
  spill(folder / "a", "one\n" + std::string(100'000'000, 'x') + "\ntwo");
  LineReader reader(folder / "a");
  Line line;
  ASSERT_TRUE(reader.next(line));
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line.text.size(), 100'000'000U);
  EXPECT_EQ(line.text.find_first_not_of('x'), std::string_view::npos);
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line.text, "two");
  EXPECT_FALSE(reader.next(line));
}

TEST(LineReader, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_THROW(LineReader(folder / "none"), Error);
  EXPECT_THROW(LineReader(folder.path()), Error);
}

}  // namespace
}  // namespace tpt::storage
