#include "augment/loop_watch.h"

#include "base/json.h"
#include "base/random.h"
#include "storage/lines.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace tpt::augment {
namespace {

// Where the watch ends the text, shown to it `step` bytes at a time; the whole length if nowhere.
std::size_t stopped_at(const std::string& text, std::size_t step) {
  LoopWatch watch;
  for (std::size_t shown = 0; shown < text.size();) {
    shown = std::min(text.size(), shown + step);
    if (watch.loops(std::string_view(text).substr(0, shown))) return shown;
  }
  return text.size();
}

// Words that do not repeat.
std::string plain_text(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::string text;
  while (text.size() < bytes) {
    for (std::uint64_t k = 2 + random.below(8); k > 0; --k) {
      text += static_cast<char>('a' + random.below(26));
    }
    text += random.below(9) == 0 ? ". " : " ";
  }
  return text.substr(0, bytes);
}

TEST(LoopWatch, SeesEveryPeriod) {
  const std::string before = plain_text(5000, 1);
  for (const std::size_t period : {1, 2, 7, 13, 64, 255, 256, 257, 300, 777, 1500, 5000, 16000}) {
    for (std::uint64_t seed = 2; seed < 12; ++seed) {
      const std::string turn = plain_text(period, seed);
      std::string text = before;
      while (text.size() < before.size() + std::max<std::size_t>(20 * period, 10'000)) text += turn;
      const std::size_t stop = stopped_at(text, 97);
      const std::size_t needed =
          std::max<std::size_t>(period < 3 ? 8192 : 1024, 4 * period) + period;
      EXPECT_GE(stop, before.size() + needed - 200) << period;
      // One turn later at most, and the bytes between two looks.
      EXPECT_LE(stop, before.size() + needed + period + 97 + 256) << period << " " << seed;
    }
  }
}

TEST(LoopWatch, SeesALoopWhoseTurnsRepeatWithinThemselves) {
  std::string turn;
  for (int i = 0; i < 12; ++i) turn += fmt::format("Wait, let me check that again: step {}. ", i);
  std::string text = plain_text(3000, 3);
  for (int i = 0; i < 20; ++i) text += turn;
  EXPECT_LT(stopped_at(text, 20), 3000 + 7 * turn.size());
}

TEST(LoopWatch, TakesTablesListsCodeAndDigitsForWhatTheyAre) {
  std::string rows;
  for (int i = 0; i < 200; ++i) rows += fmt::format("| row {} | 0 | 0 | 0 |\n", i);
  std::string list;
  for (int i = 0; i < 300; ++i) list += fmt::format("{}. item\n", i);
  std::string code;
  for (int i = 0; i < 300; ++i) code += fmt::format("  values[{}] = 0;\n", i);
  std::string latex;
  for (int i = 0; i < 60; ++i) latex += "0 & 0 & 0 & 0 \\\\\n";
  std::string digits;
  Random random(4);
  for (int i = 0; i < 20'000; ++i) digits += static_cast<char>('0' + random.below(10));
  const std::string rule =
      std::string(900, '-') + "\n" + std::string(900, '=') + "\n" + std::string(6000, 'A') + "\n";
  for (const std::string& text : {rows, list, code, latex, digits, rule, plain_text(50'000, 9)}) {
    EXPECT_EQ(stopped_at(text, 16), text.size()) << text.substr(0, 40);
  }
}

TEST(LoopWatch, BeginsAgainWithANewTextAndCopiesAreApart) {
  LoopWatch watch;
  const std::string loop(9000, 'a');
  EXPECT_TRUE(watch.loops(loop));
  EXPECT_FALSE(watch.loops(plain_text(2000, 1)));
  LoopWatch other = watch;
  EXPECT_TRUE(other.loops(loop));
  EXPECT_FALSE(watch.loops(plain_text(2500, 1)));
}

TEST(LoopWatchSlow, RaisesNoFalseAlarmOnRealTexts) {
  const std::filesystem::path folder = TPT_SOURCE_DIR "/../shared/data/docs";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared/data/docs";
  std::int64_t texts = 0;
  std::size_t bytes = 0;
  std::chrono::duration<double> seconds{};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().filename().string().ends_with(".jsonl.gz")) continue;
    storage::LineReader lines(entry.path());
    for (storage::Line line; lines.next(line); ++texts) {
      const std::string text = parse_json(line.text, "text").at("text").get<std::string>();
      const auto start = std::chrono::steady_clock::now();
      EXPECT_EQ(stopped_at(text, 16), text.size()) << line.text.substr(0, 100);
      seconds += std::chrono::steady_clock::now() - start;
      bytes += text.size();
    }
  }
  EXPECT_GT(texts, 2000);
  const double nanoseconds = 1e9 * seconds.count() / static_cast<double>(bytes);
  RecordProperty("nanoseconds_a_byte", fmt::format("{:.2f}", nanoseconds));
  EXPECT_LT(nanoseconds, 60);
}

}  // namespace
}  // namespace tpt::augment
