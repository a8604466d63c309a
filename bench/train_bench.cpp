// Runs the trainer as `tpt train` does and prints its rate, for bench/train.
//
//   tpt_train_bench fp32|bf16 THREADS ROWS SEQ_LENGTH SECONDS FOLDER
//
// The lab's model (3 layers, width 128, 4 heads, byte vocabulary) on shards of sums with thinking,
// written into FOLDER. Everything the loop does counts: rows, batches, loss, clip, step, metrics.
// Prints target tokens a second after a warm-up of some steps.
#include "base/error.h"
#include "base/random.h"
#include "pack/pack.h"
#include "tokenize/tokenizer.h"
#include "train/train.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::train {
namespace {

constexpr std::int64_t kDocuments = 20'000;
constexpr std::int64_t kWarmUpSteps = 3;

// Measures from the end of the warm-up on and stops the run after the given seconds.
class Rate : public Progress {
 public:
  Rate(std::stop_source& stop, double seconds) : stop_(stop), seconds_(seconds) {}

  void report(const ProgressState& state) override {
    const auto now = std::chrono::steady_clock::now();
    if (++reports_ == kWarmUpSteps) {
      start_ = now;
      tokens_at_start_ = state.done;
    }
    if (reports_ > kWarmUpSteps) {
      const double elapsed = std::chrono::duration<double>(now - start_).count();
      rate_ = (state.done - tokens_at_start_) / elapsed;
      if (elapsed >= seconds_) stop_.request_stop();
    }
  }
  double rate() const { return rate_; }

 private:
  std::stop_source& stop_;
  double seconds_;
  std::int64_t reports_ = 0;
  double tokens_at_start_ = 0;
  double rate_ = 0;
  std::chrono::steady_clock::time_point start_;
};

void write_shards(const std::filesystem::path& folder) {
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  Random random(1);
  std::vector<AugmentedDocument> documents(kDocuments);
  for (AugmentedDocument& one : documents) {
    const std::uint64_t a = random.below(900), b = random.below(90);
    one.document.id = std::to_string(&one - documents.data());
    one.document.text = fmt::format("{}+{}={}.", a, b, a + b);
    one.trajectory.text = fmt::format("adding {} to {} gives {}", b, a, a + b);
  }
  VectorSource<AugmentedDocument> source(std::move(documents));
  NoProgress quiet;
  pack::write_shards(pack::Config(), *tokenizer, source, folder, quiet, {});
}

double measure(const std::vector<std::string>& arguments) {
  const std::filesystem::path folder = arguments.at(5);
  write_shards(folder / "shards");
  Config config;
  config.precision = arguments.at(0) == "bf16" ? model::Precision::bf16 : model::Precision::fp32;
  config.threads = std::stoll(arguments.at(1));
  config.batch_rows = std::stoll(arguments.at(2));
  config.seq_length = std::stoll(arguments.at(3));
  config.train_tokens = std::int64_t{1} << 40;
  config.log_every_steps = 1;
  std::stop_source stop;
  Rate rate(stop, std::stod(arguments.at(4)));
  try {
    run(config, model::Config(), folder / "shards", folder / "run", rate, stop.get_token());
  } catch (const Interrupted&) {
  }
  return rate.rate();
}

}  // namespace
}  // namespace tpt::train

int main(int argc, char** argv) {
  try {
    if (argc != 7) tpt::user_error("expected 6 arguments, got {}", argc - 1);
    std::printf("%.1f\n", tpt::train::measure({argv + 1, argv + argc}));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tpt_train_bench: %s\n", error.what());
    return 1;
  }
}
