#include "augment/time_left.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <vector>

namespace tpt::augment {
namespace {

TEST(TokenHistogram, KeepsWhatItSaysExactly) {
  TokenHistogram lengths;
  Random random(7);
  std::vector<std::int64_t> all;
  std::int64_t sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    all.push_back(static_cast<std::int64_t>(std::exp(random.uniform() * 9)) - 1);
    lengths.add(all.back());
    sum += all.back();
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(lengths.count(), 20'000);
  EXPECT_EQ(lengths.sum(), sum);
  EXPECT_EQ(lengths.min(), all.front());
  EXPECT_EQ(lengths.max(), all.back());
  for (const double share : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999}) {
    const auto truth = static_cast<double>(all[static_cast<std::size_t>(share * 20'000)]);
    EXPECT_NEAR(lengths.quantile(share), truth, 0.02 * truth + 1) << share;
  }
  EXPECT_EQ(lengths.quantile(1), static_cast<double>(all.back()));
  std::int64_t in_bars = 0;
  for (const auto& bar : lengths.doublings()) {
    in_bars += bar.count;
    EXPECT_EQ(bar.count, std::count_if(all.begin(), all.end(), [&](std::int64_t tokens) {
                return tokens >= bar.from && tokens <= bar.to;
              }));
  }
  EXPECT_EQ(in_bars, 20'000);
}

TEST(TokenHistogram, TwoTogetherAreOne) {
  TokenHistogram left;
  TokenHistogram right;
  TokenHistogram both;
  Random random(3);
  for (int i = 0; i < 1000; ++i) {
    const auto tokens = static_cast<std::int64_t>(random.below(5000));
    (i % 3 == 0 ? left : right).add(tokens);
    both.add(tokens);
  }
  left += right;
  left += TokenHistogram();
  EXPECT_EQ(left, both);
  TokenHistogram empty;
  empty += both;
  EXPECT_EQ(empty, both);
}

TEST(TokenHistogram, EndsOfTheRange) {
  TokenHistogram lengths;
  EXPECT_EQ(lengths.quantile(0.5), 0);
  EXPECT_EQ(lengths.mean(), 0);
  EXPECT_TRUE(lengths.doublings().empty());
  lengths.add(-5);
  EXPECT_EQ(lengths.max(), 0);
  lengths.add(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(lengths.quantile(0), 0);
  EXPECT_EQ(lengths.doublings().size(), 64U);
  EXPECT_EQ(lengths.doublings().back().count, 1);
}

// A fleet whose slots each write at one speed, seen from outside as a job shows it.
class SimulatedRun {
 public:
  SimulatedRun(std::int64_t documents, std::int64_t slots, double speed, std::uint64_t seed)
      : documents_(documents), speed_(speed) {
    Random random(seed);
    std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
    for (std::int64_t i = 0; i < slots; ++i) free_at.push(0);
    for (std::int64_t i = 0; i < documents; ++i) {
      // Most are short, one in ten runs to the cap: a tail worth waiting for.
      const double tokens = random.uniform() < 0.1 ? 8192 : 100 * std::exp(random.uniform() * 2.5);
      const double begin = free_at.top();
      free_at.pop();
      free_at.push(begin + std::floor(tokens) / speed);
      answers_.push_back(
          {begin, begin + std::floor(tokens) / speed, static_cast<std::int64_t>(tokens)});
      end_ = std::max(end_, answers_.back().end);
    }
  }
  double end() const { return end_; }
  JobStatus at(double seconds) const {
    JobStatus status{.documents_total = documents_, .seconds = seconds};
    for (const Answer& answer : answers_) {
      if (answer.begin > seconds) continue;
      ++status.documents_read;
      if (answer.end > seconds) {
        ++status.in_flight;
        continue;
      }
      ++status.rows_in;
      status.generated_tokens += answer.tokens;
      status.answer_tokens.add(answer.tokens);
    }
    return status;
  }

 private:
  struct Answer {
    double begin, end;
    std::int64_t tokens;
  };
  std::int64_t documents_;
  double speed_;
  std::vector<Answer> answers_;
  double end_ = 0;
};

TEST(TimeLeft, ForeseesTheTail) {
  double worst = 0;
  double worst_naive = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const SimulatedRun run(10'000, 256, 40, seed);
    TimeLeft left;
    for (double now = 0; now < run.end(); now += 5) {
      const JobStatus status = run.at(now);
      const double foreseen = left.update(status);
      if (now < 500) continue;  // until then only short answers are whole
      ASSERT_GE(foreseen, 0);
      const double truth = run.end() - now;
      worst = std::max(worst, std::abs(foreseen - truth) / run.end());
      const double naive = static_cast<double>(status.documents_total - status.rows_in) /
                           (static_cast<double>(status.rows_in) / now);
      worst_naive = std::max(worst_naive, std::abs(naive - truth) / run.end());
    }
    EXPECT_EQ(left.update(run.at(run.end())), 0);
  }
  EXPECT_LT(worst, 0.10);
  EXPECT_GT(worst_naive, 0.15) << "the tail of this run is no tail: the test shows nothing";
}

TEST(TimeLeft, SaysWhenItDoesNotKnow) {
  TimeLeft left;
  EXPECT_EQ(left.update({}), -1);
  EXPECT_EQ(left.update({.documents_total = 10, .documents_read = 5, .in_flight = 5}), -1);
  JobStatus status{.documents_read = 5, .rows_in = 5, .generated_tokens = 100, .seconds = 3};
  status.answer_tokens.add(20);
  EXPECT_EQ(left.update(status), -1) << "the corpus' size is not known";
}

// Five chunks a document: what is left is counted in rows, not in documents.
TEST(TimeLeft, CountsRowsOfDocumentsNotRead) {
  TimeLeft left;
  JobStatus status{.documents_total = 100, .documents_read = 10};
  double foreseen = 0;
  for (int second = 0; second <= 100; ++second) {
    status.seconds = second;
    status.rows_in = 10 + second;
    status.documents_read = (status.rows_in + 10) / 5;
    status.in_flight = 10;
    status.generated_tokens = 100 * second;
    status.answer_tokens.add(100);
    foreseen = left.update(status);
  }
  // 500 rows, one a second.
  EXPECT_NEAR(foreseen, 500 - 110, 20);
}

// Answers that wait behind a slow one are begun and not settled.
TEST(TimeLeft, KnowsOfAnswersThatAreHeld) {
  TimeLeft left;
  JobStatus status{.documents_total = 1000, .rows_of_document = 1};
  double foreseen = 0;
  for (int second = 1; second <= 50; ++second) {
    status.seconds = second;
    status.documents_read = status.rows_begun = 2 * second + 2;
    status.in_flight = 2;
    status.generated_tokens = 200 * second;
    status.answer_tokens.add(100);
    foreseen = left.update(status);
    EXPECT_EQ(rows_expected(status), 1000);
  }
  // Two rows a second.
  EXPECT_NEAR(foreseen, (1000 - 102) / 2, 20);
  // As many rows a document as those that were read had.
  status.rows_of_document = 0;
  status.rows_begun *= 3;
  EXPECT_EQ(rows_expected(status), 3000);
}

TEST(TimeLeft, AMillionAnswersAreForeseenAtOnce) {
  TokenHistogram lengths;
  for (int i = 1; i <= 1000; ++i) lengths.add(i);
  const double seconds = seconds_to_finish(
      lengths,
      {.waiting = 50'000'000, .running = 500'000, .slots = 500'000, .tokens_per_second = 10});
  // 100 answers of 500 tokens for each slot, and the rest of the ones that run.
  EXPECT_NEAR(seconds, (100 * 500.5 + 333) / 10, 100);
  EXPECT_EQ(seconds_to_finish(lengths, {}), 0);
  EXPECT_EQ(seconds_to_finish({}, {.waiting = 1}), -1);
}

}  // namespace
}  // namespace tpt::augment
