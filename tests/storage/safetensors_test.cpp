// Damaged and hostile files: each is refused by an Error that names file and tensor, and what
// Python's reader refuses is refused here.
#include "storage/safetensors.h"

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "temporary_folder.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sys/stat.h>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kOne = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";

std::string file_of(const std::string& header, const std::string& data,
                    std::optional<std::uint64_t> said = std::nullopt) {
  const std::uint64_t bytes = said.value_or(header.size());
  std::string file(sizeof(bytes), '\0');
  std::memcpy(file.data(), &bytes, sizeof(bytes));
  return file + header + data;
}

class SafetensorsTest : public testing::Test {
 protected:
  void write(const std::string& bytes) const { std::ofstream(path(), std::ios::binary) << bytes; }
  fs::path path() const { return folder_ / "x.safetensors"; }

  // Every byte of the file, as a program that uses it reads it.
  SafetensorsHeader read_whole() const {
    SafetensorsReader reader(path());
    for (const TensorEntry& entry : reader.header().tensors) {
      std::string bytes(entry.end - entry.begin, '\0');
      reader.read(entry, bytes);
    }
    return reader.header();
  }

  std::string refusal(const std::string& bytes) const {
    write(bytes);
    try {
      read_whole();
    } catch (const Error& problem) {
      EXPECT_EQ(problem.kind(), ErrorKind::data) << problem.what();
      EXPECT_THAT(problem.what(), HasSubstr("x.safetensors"));
      return problem.what();
    }
    ADD_FAILURE() << "nothing was refused";
    return "";
  }
  std::string refusal(const std::string& header, const std::string& data) const {
    return refusal(file_of(header, data));
  }

  TemporaryFolder folder_;
};

class SafetensorsSlowTest : public SafetensorsTest {};

TEST_F(SafetensorsTest, TheHeaderComesBackAsItWas) {
  SafetensorsHeader header;
  header.metadata = {{"format", "pt"}, {"", "é\"\x7f/\n\x01"}, {"a", ""}};
  header.tensors = {{"z", TensorType::f32, {2, 3}, 0, 24},
                    {"empty", TensorType::f16, {0, 7}, 24, 24},
                    {"scalar", TensorType::bf16, {}, 24, 26},
                    {"\xC3\xA9 \"\\", TensorType::f16, {3}, 26, 32}};
  const std::string text = safetensors_header_text(header);
  EXPECT_EQ(text.size() % 8, 0U);
  const SafetensorsHeader read = parse_safetensors_header(text, 32, "x");
  EXPECT_EQ(read.metadata, header.metadata);
  EXPECT_EQ(read.tensors, header.tensors);
  EXPECT_EQ(safetensors_header_text(read), text);
  EXPECT_EQ(safetensors_header_text({}), "{}      ");
}

TEST_F(SafetensorsTest, RefusesLengthsThatDoNotFit) {
  const std::string header = fmt::format("{{{}}}", kOne);
  const std::string whole = file_of(header, std::string(8, '\0'));
  write(whole);
  EXPECT_NO_THROW(read_whole());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) refusal(whole.substr(0, bytes));
  EXPECT_THAT(refusal(whole + "x"), HasSubstr("last 1 bytes belong to no tensor"));
  for (const std::uint64_t said : {std::uint64_t{1} << 62U, ~std::uint64_t{0}, ~std::uint64_t{7},
                                   std::uint64_t{100'000'001}, std::uint64_t{header.size() + 9}}) {
    EXPECT_THAT(refusal(file_of(header, std::string(8, '\0'), said)),
                HasSubstr("not a safetensors file"));
  }
  EXPECT_THAT(refusal(file_of(header, std::string(8, '\0'), header.size() - 1)),
              HasSubstr("not JSON"));
  fs::remove(path());
  EXPECT_THROW(read_whole(), Error);
  fs::create_directory(path());
  EXPECT_THROW(read_whole(), Error);
  fs::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_THROW(read_whole(), Error);  // at once, without a writer
}

TEST_F(SafetensorsSlowTest, HoldsTheLargestHeaderAndNoLarger) {
  const std::string header = fmt::format("{{{}}}", kOne);
  std::string padded = header + std::string(100'000'000 - header.size(), ' ');
  write(file_of(padded, std::string(8, '\0')));
  EXPECT_EQ(read_whole().tensors.size(), 1U);
  padded += ' ';
  EXPECT_THAT(refusal(padded, std::string(8, '\0')), HasSubstr("said to have 100000001 bytes"));
  EXPECT_THAT(refusal(std::string(50'000'000, '['), ""), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(R"({"a":{"shape":)" + std::string(50'000'000, '['), ""),
              HasSubstr("tensor a has an array"));
}

TEST_F(SafetensorsTest, RefusesHeadersThatAreNone) {
  const std::string data(8, '\0');
  const auto with = [&](const std::string& text) { return refusal(text, data); };
  EXPECT_THAT(with("not JSON"), HasSubstr("not JSON, at byte"));
  EXPECT_THAT(with(""), HasSubstr("not JSON"));
  EXPECT_THAT(with(fmt::format("\xEF\xBB\xBF{{{}}}", kOne)), HasSubstr("byte order mark"));
  EXPECT_THAT(with("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(with("7"), HasSubstr("not a JSON object"));
  EXPECT_THAT(with(fmt::format("{{{}}}x", kOne)), HasSubstr("not JSON"));
  EXPECT_THAT(with(fmt::format("{{{},}}", kOne)), HasSubstr("not JSON"));
  EXPECT_THAT(with(fmt::format("{{{}}}", kOne) + std::string(2, '\0')), HasSubstr("zero byte"));
  EXPECT_THAT(with("{\"a\xFF\":{}}"), HasSubstr("not JSON"));
  EXPECT_THAT(with(R"({"a\ud800":{}})"), HasSubstr("not JSON"));
  EXPECT_THAT(with(fmt::format("{{{0},{0}}}", kOne)), HasSubstr("tensor a is there twice"));
  EXPECT_THAT(with(fmt::format(R"({{{},"\u0061":{{}}}})", kOne)),
              HasSubstr("tensor a is there twice"));
  EXPECT_THAT(with(R"({"__metadata__":{"k":1}})"), HasSubstr("a number where none may be"));
  EXPECT_THAT(with(R"({"__metadata__":null})"), HasSubstr("null where none may be"));
  EXPECT_THAT(with(R"({"__metadata__":{"k":"1","k":"1"}})"), HasSubstr("has k twice"));
  EXPECT_THAT(with(R"({"__metadata__":{},"__metadata__":{}})"), HasSubstr("there twice"));
}

TEST_F(SafetensorsTest, RefusesTensorsThatAreNone) {
  const auto with = [&](const std::string& fields) {
    return refusal(fmt::format(R"({{"a":{}}})", fields), std::string(8, '\0'));
  };
  EXPECT_THAT(with("7"), HasSubstr("tensor a has a number"));
  EXPECT_THAT(with("{}"), HasSubstr("tensor a has no dtype"));
  EXPECT_THAT(with(R"({"dtype":"F32","shape":[2]})"), HasSubstr("tensor a has no data_offsets"));
  EXPECT_THAT(with(R"({"dtype":"F32","dtype":"F32"})"), HasSubstr("tensor a has dtype twice"));
  EXPECT_THAT(with(R"({"dtype":"F32","type":"F32"})"), HasSubstr("unknown key type"));
  EXPECT_THAT(with(R"({"dtype":7})"), HasSubstr("a number where none may be"));
  for (const char* type : {"I64", "F8_E4M3", "f32", "", "F64"}) {
    EXPECT_THAT(with(fmt::format(R"({{"dtype":"{}"}})", type)),
                HasSubstr(fmt::format("tensor a is of type {}, supported", type)));
  }
  for (const char* size :
       {"-4", "-0", "2.0", "1e1", "18446744073709551616", "9223372036854775808"}) {
    EXPECT_THAT(with(fmt::format(R"({{"dtype":"F32","shape":[{}],"data_offsets":[0,8]}})", size)),
                HasSubstr("tensor a has an impossible shape"));
  }
  for (const char* sizes : {"4294967296,4294967296", "4611686018427387904",
                            "1099511627776,1099511627776,0", "0,1099511627776,1099511627776"}) {
    EXPECT_THAT(with(fmt::format(R"({{"dtype":"F32","shape":[{}],"data_offsets":[0,0]}})", sizes)),
                HasSubstr("tensor a has an impossible shape"));
  }
  for (const char* sizes : {"[3]", "[1]", "[]", "[2,2]", "[0]"}) {
    EXPECT_THAT(with(fmt::format(R"({{"dtype":"F32","shape":{},"data_offsets":[0,8]}})", sizes)),
                HasSubstr("as its shape says"));
  }
  EXPECT_THAT(with(R"({"dtype":"F32","shape":[2],"data_offsets":[8]})"),
              HasSubstr("no two offsets"));
  EXPECT_THAT(with(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,9]})"),
              HasSubstr("more than two offsets"));
  EXPECT_THAT(with(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
              HasSubstr("as its shape says"));
  EXPECT_THAT(with(R"({"dtype":"F32","shape":[2],"data_offsets":[-1,7]})"), HasSubstr("tensor a"));
  EXPECT_THAT(with(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"),
              HasSubstr("it ends at byte 12 of 8"));
  EXPECT_THAT(with(R"({"dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,0]})"),
              HasSubstr("tensor a"));
}

TEST_F(SafetensorsTest, RefusesOverlapsAndHoles) {
  const auto with = [&](int second_begin, std::size_t data_bytes) {
    const std::string header =
        fmt::format(R"({{"b":{{"dtype":"F16","shape":[2],"data_offsets":[{},{}]}},{}}})",
                    second_begin, second_begin + 4, kOne);
    return refusal(header, std::string(data_bytes, '\0'));
  };
  EXPECT_THAT(with(4, 8), HasSubstr("tensors a and b overlap"));
  EXPECT_THAT(with(0, 8), HasSubstr("tensors b and a overlap"));
  EXPECT_THAT(with(10, 14), HasSubstr("2 bytes before tensor b belong to none"));
  EXPECT_THAT(with(8, 13), HasSubstr("last 1 bytes belong to no tensor"));
}

// A valid file with tensors and metadata by chance.
std::string random_file(Random& random) {
  SafetensorsHeader header;
  if (random.below(2) == 0) header.metadata = {{"format", "pt"}};
  std::uint64_t place = 0;
  for (std::uint64_t i = random.below(4); i < 4; ++i) {
    TensorEntry entry{.name = fmt::format("model.{}", i)};
    entry.type = static_cast<TensorType>(random.below(3));
    std::uint64_t bytes = bytes_of_element(entry.type);
    for (std::uint64_t d = random.below(3); d < 3; ++d) {
      entry.shape.push_back(static_cast<std::int64_t>(random.below(4)));
      bytes *= static_cast<std::uint64_t>(entry.shape.back());
    }
    entry.begin = place;
    entry.end = place += bytes;
    header.tensors.push_back(std::move(entry));
  }
  return file_of(safetensors_header_text(header), std::string(place, 'x'));
}

void mutate(std::string& file, Random& random) {
  static const std::vector<std::string> kPieces = {"18446744073709551615",
                                                   "-1",
                                                   "0",
                                                   "[",
                                                   "]",
                                                   "{",
                                                   "}",
                                                   ",",
                                                   "\"",
                                                   "F16",
                                                   "1e3",
                                                   "null",
                                                   "\"model.1\":",
                                                   "\"shape\":[",
                                                   std::string(1, '\0'),
                                                   "\\u0000",
                                                   "\xFF",
                                                   " ",
                                                   "4",
                                                   "16",
                                                   "9"};
  for (std::uint64_t changes = 1 + random.below(2); changes > 0 && !file.empty(); --changes) {
    const std::size_t at = random.below(file.size());
    switch (random.below(6)) {
      case 0:
        file.resize(at);
        break;
      case 1:
        file.erase(at, 1 + random.below(8));
        break;
      case 2:
        file.insert(at, kPieces[random.below(kPieces.size())]);
        break;
      case 3:
        file.insert(at, file.substr(random.below(file.size()), random.below(24)));
        break;
      default:
        file[at] = static_cast<char>(file[at] ^ (1 << random.below(8)));
    }
  }
  // Half of the time the length still fits the header, so that what is behind it is reached.
  const std::size_t end = file.rfind('}');
  if (file.size() > 8 && end != file.npos && random.below(2) == 0) {
    const std::uint64_t bytes = end > 7 ? end - 7 : 0;
    std::memcpy(file.data(), &bytes, sizeof(bytes));
  }
}

TEST_F(SafetensorsSlowTest, DamageIsRefusedAndNeverCrashes) {
  Random random(derive_seed(1, "safetensors", "fuzz"));
  int taken = 0;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string file = random_file(random);
    mutate(file, random);
    write(file);
    try {
      read_whole();
      ++taken;
    } catch (const Error& problem) {
      ASSERT_EQ(problem.kind(), ErrorKind::data) << problem.what();
      ++refused;
    }
  }
  EXPECT_GT(taken, 200);  // damage to names and numbers alone
  EXPECT_GT(refused, 10000);
}

using Described = std::optional<Json>;

Described described(const SafetensorsHeader& header) {
  std::vector<TensorEntry> tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; });
  Json list = Json::array();
  for (const TensorEntry& entry : tensors) {
    const char* word = entry.type == TensorType::f32   ? "F32"
                       : entry.type == TensorType::f16 ? "F16"
                                                       : "BF16";
    list.push_back({entry.name, word, entry.shape});
  }
  return list;
}

TEST_F(SafetensorsSlowTest, WhatPythonRefusesIsRefused) {
  if (!fs::exists(TPT_PYTHON)) GTEST_SKIP() << "needs the oracles' python of setup";
  Random random(derive_seed(2, "safetensors", "fuzz"));
  std::vector<Described> ours;
  std::ofstream blob(folder_ / "blob", std::ios::binary);
  for (int i = 0; i < 20000; ++i) {
    std::string file = random_file(random);
    if (i % 10 != 0) mutate(file, random);
    write(file);
    const std::uint64_t bytes = file.size();
    blob.write(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
    blob << file;
    try {
      ours.push_back(described(read_whole()));
    } catch (const Error&) {
      ours.push_back(std::nullopt);
    }
  }
  blob.close();
  const std::string command =
      fmt::format("'{}' '{}/tests/storage/safetensors_oracle.py' '{}' > '{}'", TPT_PYTHON,
                  TPT_SOURCE_DIR, (folder_ / "blob").string(), (folder_ / "out").string());
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream out(folder_ / "out");
  int both = 0;
  int only_python = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    std::string line;
    ASSERT_TRUE(std::getline(out, line)) << i;
    const Json theirs = Json::parse(line);
    if (ours[i]) {
      ASSERT_EQ(*ours[i], theirs) << "file " << i;
      ++both;
    } else if (!theirs.is_null()) {
      ++only_python;
    } else {
      EXPECT_NE(i % 10, 0U) << "an undamaged file";
    }
  }
  EXPECT_GT(both, 2000);  // the undamaged ones, and some with damage to names and numbers
  // Names and keys given twice, unknown keys and types: never what a writer meant.
  EXPECT_LT(only_python, 600) << both;
  RecordProperty("taken_by_both", both);
  RecordProperty("taken_by_python_only", only_python);
}

}  // namespace
}  // namespace tpt::storage
