// Runs the trainer as `tpt train` does, some seconds at a time, for bench/train.
//
//   tpt_train_bench SETTINGS FOLDER
//
// SETTINGS is one JSON object: "train" and "model" with the names of the options of `tpt train`,
// and "text": "sums" (with thinking, in bytes) or "random" (ids over the whole vocabulary, document
// and thinking in equal parts). Shards are written into FOLDER, then train::run works on them:
// everything its loop does counts, rows, batches, loss, clip, step, a line of metrics each step.
// When it is warm and its first state is on disk, it prints one JSON object that says what network
// that is. Then each line of stdin is a number of seconds: it trains that long, at least one step,
// and prints {"tokens", "steps", "seconds"}. It ends with stdin.
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "pack/pack.h"
#include "tokenize/tokenizer.h"
#include "train/batches.h"
#include "train/throughput.h"
#include "train/train.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tpt::train {
namespace {

using Clock = std::chrono::steady_clock;

// Warm is who did so many steps, or was at it so long after the first one.
constexpr std::int64_t kWarmUpSteps = 3;
constexpr double kWarmUpSeconds = 5.0;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void say(const Json& json) {
  std::cout << dump_json(json) << std::endl;  // flushed: the other side waits for it
}

// Ends a run from within its report.
struct NothingMoreAsked {};

// Holds the run after a step until the next order comes. The run reports after each step.
class Orders : public Progress {
 public:
  Orders(Json facts, std::filesystem::path first_state)
      : facts_(std::move(facts)), first_state_(std::move(first_state)) {}

  void report(const ProgressState& state) override {
    ++steps_;
    if (steps_ == 1) {
      facts_["first_loss"] = std::stod(state.facts.at(0).second);
      start_ = Clock::now();
    }
    if (asked_seconds_) {
      if (seconds_since(start_) < *asked_seconds_) {
        return;
      }
      say({{"tokens", state.done - tokens_before_},
           {"steps", steps_ - steps_before_},
           {"seconds", seconds_since(start_)}});
    } else {
      if (steps_ < kWarmUpSteps && seconds_since(start_) < kWarmUpSeconds) {
        return;
      }
      while (!std::filesystem::exists(first_state_)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      say(facts_);
    }
    take_order(state);
  }

 private:
  void take_order(const ProgressState& state) {
    std::string line;
    if (!std::getline(std::cin, line)) {
      throw NothingMoreAsked();
    }
    asked_seconds_ = std::stod(line);
    tokens_before_ = state.done;
    steps_before_ = steps_;
    start_ = Clock::now();
  }

  Json facts_;
  std::filesystem::path first_state_;
  std::optional<double> asked_seconds_;
  std::int64_t steps_ = 0;
  std::int64_t steps_before_ = 0;
  double tokens_before_ = 0;
  Clock::time_point start_;
};

// A vocabulary of numbers: the text "17 4 9" is these ids. The last three are special.
class NumberedIds : public tokenize::Tokenizer {
 public:
  explicit NumberedIds(std::int64_t vocab_size) : vocab_size_(vocab_size) {}

  void encode(std::string_view text, std::vector<tokenize::TokenId>& ids) const override {
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = std::min(text.find(' ', at), text.size());
      ids.push_back(std::stoi(std::string(text.substr(at, end - at))));
      at = end + 1;
    }
  }
  std::string decode(std::span<const tokenize::TokenId> ids) const override {
    return fmt::format("{}", fmt::join(ids, " "));
  }
  std::int64_t vocab_size() const override { return vocab_size_; }
  std::optional<tokenize::TokenId> special(std::string_view name) const override {
    if (name == "<think>") return id_from_end(2);
    if (name == "</think>") return id_from_end(3);
    return std::nullopt;
  }
  std::optional<tokenize::TokenId> end_of_text() const override { return id_from_end(1); }
  std::string to_json() const override { return "{}"; }

  std::int64_t plain_ids() const { return vocab_size_ - 3; }

 private:
  tokenize::TokenId id_from_end(std::int64_t place) const {
    return static_cast<tokenize::TokenId>(vocab_size_ - place);
  }

  std::int64_t vocab_size_;
};

void write_shards(const tokenize::Tokenizer& tokenizer, std::vector<AugmentedDocument> documents,
                  const std::filesystem::path& folder) {
  for (std::size_t i = 0; i < documents.size(); ++i) {
    documents[i].document.id = std::to_string(i);
  }
  VectorSource<AugmentedDocument> source(std::move(documents));
  NoProgress quiet;
  pack::write_shards(pack::Config(), tokenizer, source, folder, quiet, {});
}

void write_sums(const std::filesystem::path& folder) {
  constexpr std::int64_t kDocuments = 20'000;
  Random random(1);
  std::vector<AugmentedDocument> documents(kDocuments);
  for (AugmentedDocument& one : documents) {
    const std::uint64_t a = random.below(900), b = random.below(90);
    one.document.text = fmt::format("{}+{}={}.", a, b, a + b);
    one.trajectory.text = fmt::format("adding {} to {} gives {}", b, a, a + b);
  }
  write_shards(*tokenize::load_tokenizer("bytes"), std::move(documents), folder);
}

void write_random_ids(std::int64_t vocab_size, const std::filesystem::path& folder) {
  constexpr std::int64_t kDocuments = 2'000;
  constexpr std::int64_t kTokens = 150;  // of a document, and of its thinking
  const NumberedIds tokenizer(vocab_size);
  Random random(1);
  const auto text = [&] {
    std::vector<std::uint64_t> ids(kTokens);
    for (std::uint64_t& id : ids) {
      id = random.below(static_cast<std::uint64_t>(tokenizer.plain_ids()));
    }
    return fmt::format("{}", fmt::join(ids, " "));
  };
  std::vector<AugmentedDocument> documents(kDocuments);
  for (AugmentedDocument& one : documents) {
    one.document.text = text();
    one.trajectory.text = text();
  }
  write_shards(tokenizer, std::move(documents), folder);
  std::filesystem::remove(folder / "tokenizer.json");  // no tokenizer.json has these ids
}

// Of a step whose rows are full.
double flops_of_step(const Config& config, const model::Config& shape) {
  Batch batch;
  const std::int64_t rows = config.batch_rows * config.accumulation;
  batch.positions = rows * config.seq_length;
  batch.attended = rows * config.seq_length * (config.seq_length + 1) / 2;
  batch.kinds.resize(static_cast<std::size_t>(batch.positions));
  return flops_of(shape, batch);
}

void work(const std::string& settings_text, const std::filesystem::path& folder) {
  const Json settings = parse_json(settings_text, "SETTINGS");
  Config config;
  model::Config shape;
  Fields train_fields("train"), model_fields("model");
  describe(train_fields, config);
  model::describe(model_fields, shape);
  train_fields.apply(settings.at("train"));
  model_fields.apply(settings.at("model"));
  config.train_tokens = std::int64_t{1} << 40;
  config.log_every_steps = 1;
  config.state_every_seconds = 1e9;  // it may have to wait long for its next order
  const bool is_random = settings.at("text").get<std::string>() == "random";
  if (is_random) {
    write_random_ids(shape.vocab_size, folder / "shards");
  } else {
    write_sums(folder / "shards");
  }
  const model::Config whole = model::resolved(shape, shape.vocab_size);
  Orders orders({{"parameters", model::num_parameters(whole)},
                 {"flops_per_step", flops_of_step(config, whole)}},
                folder / "run" / "state-0");
  try {
    run(config, shape, folder / "shards", folder / "run", orders, {});
  } catch (const NothingMoreAsked&) {
  }
}

}  // namespace
}  // namespace tpt::train

int main(int argc, char** argv) {
  try {
    if (argc != 3) tpt::user_error("expected SETTINGS and FOLDER, got {} arguments", argc - 1);
    tpt::train::work(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tpt_train_bench: %s\n", error.what());
    return 1;
  }
}
