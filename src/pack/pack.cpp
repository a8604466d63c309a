#include "pack/pack.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "pack/order.h"
#include "pack/row_runs.h"
#include "pack/shard_layout.h"
#include "pack/shard_writer.h"
#include "pack/spool.h"
#include "pack/work_in_order.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <numeric>
#include <thread>

namespace tpt::pack {
namespace {

constexpr std::size_t kBatchBytes = std::size_t{256} << 10U;
constexpr std::uint64_t kReportEvery = 1024;

// A row after tokenisation: the sequence, or why there is none.
struct Outcome {
  TokenSequence sequence;
  DropReason dropped;
  std::uint64_t item = 0;
  std::int64_t rows = 0;
};

std::size_t bytes_of(const AugmentedDocument& row) {
  return row.document.text.size() + row.trajectory.text.size();
}
std::size_t bytes_of(const RowRun& rows) {
  std::size_t bytes = 0;
  for (const AugmentedDocument& row : rows) bytes += bytes_of(row);
  return bytes;
}
std::size_t bytes_of(const Conversation& row) {
  std::size_t bytes = 0;
  for (const Message& message : row.messages) bytes += message.role.size() + message.text.size();
  return bytes;
}
const std::string& item_of(const AugmentedDocument& row) { return row.document.id; }
const std::string& item_of(const RowRun& rows) { return rows.front().document.id; }
const std::string& item_of(const Conversation& row) { return row.id; }

// How many rows one item of the source is.
std::int64_t rows_of(const RowRun& rows) { return static_cast<std::int64_t>(rows.size()); }
std::int64_t rows_of(const AugmentedDocument& /*row*/) { return 1; }
std::int64_t rows_of(const Conversation& /*row*/) { return 1; }

class Packing {
 public:
  Packing(const Config& config, const tokenize::Tokenizer& tokenizer,
          const std::filesystem::path& folder, Progress& progress, std::stop_token stop)
      : config_(config),
        tokenizer_(tokenizer),
        composer_(config, tokenizer),
        folder_(folder),
        progress_(progress),
        stop_(std::move(stop)),
        id_bytes_(tokenizer.vocab_size() < kUint16Vocabulary ? 2 : 4) {
    std::filesystem::create_directories(folder_);
    // Without it the folder is unfinished, so files of two runs are never taken for one shard.
    std::filesystem::remove(folder_ / kShardInfo);
    spool_ = std::make_unique<Spool>(folder_ / "spool.partial", id_bytes_);
  }

  template <typename T>
  Counts run(Source<T>& rows) {
    tokenize_all(rows);
    spool_->finish();
    const std::vector<std::uint64_t> donors = thinking_donors();
    const ShardContents contents(*spool_, donors);
    const std::vector<std::uint64_t> order = order_of_samples(contents);
    counts_.samples = static_cast<std::int64_t>(order.size());
    const auto each = [&](std::size_t done) {
      if (done % kReportEvery == 0) {
        check_stop();
        report("write", static_cast<double>(done), static_cast<double>(order.size()), "samples");
      }
    };
    take_kinds(write_shard_files(folder_ / kShardPrefix, contents, order, id_bytes_, each));
    spool_.reset();
    write_info();
    return counts_;
  }

 private:
  template <typename T>
  Outcome outcome_of(const T& row) const {
    Outcome outcome;
    outcome.rows = rows_of(row);
    if (bytes_of(row) > static_cast<std::size_t>(kMaxSequenceTokens) / 2) {
      outcome.dropped = "longer than 2^30 bytes";
      return outcome;
    }
    if (const auto sample = composer_.compose(row, outcome.dropped)) {
      outcome.sequence = composer_.tokenize(*sample);
      if (config_.shuffle_thinking) {
        outcome.item = derive_seed(0, item_of(row), "item");
      }
    }
    return outcome;
  }

  template <typename T>
  void tokenize_all(Source<T>& rows) {
    const std::size_t threads = config_.threads > 0 ? static_cast<std::size_t>(config_.threads)
                                                    : std::thread::hardware_concurrency();
    std::int64_t tokens = 0;
    std::int64_t items = 0;
    work_in_order<Outcome, T>(
        rows, threads, kBatchBytes, [](const T& row) { return bytes_of(row) + 1; },
        [this](const T& row) { return outcome_of(row); },
        [&](Outcome outcome) {
          counts_.rows += outcome.rows;
          if (items++ % 64 == 0) {
            check_stop();
            report("tokenise", static_cast<double>(counts_.rows), 0, "documents",
                   {{"tokens", std::to_string(tokens)}});
          }
          if (!outcome.dropped.empty()) {
            counts_.dropped[outcome.dropped] += outcome.rows;
            return;
          }
          tokens += static_cast<std::int64_t>(outcome.sequence.ids.size());
          spool_->put(outcome.sequence, outcome.item);
        });
  }

  // By sequence whose thinking it gets; empty where each keeps its own.
  std::vector<std::uint64_t> thinking_donors() {
    std::vector<std::uint64_t> donors;
    if (!config_.shuffle_thinking) {
      return donors;
    }
    std::vector<std::uint64_t> with_thinking;
    std::vector<std::uint64_t> items;
    for (std::size_t i = 0; i < spool_->sequences(); ++i) {
      const std::vector<Span> spans = spool_->spans(i);
      if (std::any_of(spans.begin(), spans.end(),
                      [](const Span& span) { return span.kind == Kind::thinking; })) {
        with_thinking.push_back(i);
        items.push_back(spool_->item(i));
      }
    }
    donors.resize(spool_->sequences());
    std::iota(donors.begin(), donors.end(), std::uint64_t{0});
    const std::vector<std::uint64_t> places = derangement(items, config_.seed);
    for (std::size_t i = 0; i < places.size(); ++i) {
      donors[with_thinking[i]] = with_thinking[places[i]];
    }
    counts_.thinking_shuffled = true;
    return donors;
  }

  std::vector<std::uint64_t> order_of_samples(const ShardContents& contents) {
    std::vector<std::uint64_t> order(spool_->sequences());
    if (config_.shuffle) {
      order = shuffled_order(order.size(), config_.seed);
    } else {
      std::iota(order.begin(), order.end(), std::uint64_t{0});
    }
    const auto too_long = [&](std::uint64_t sequence) {
      return config_.max_sample_tokens > 0 &&
             contents.tokens(sequence) > static_cast<std::size_t>(config_.max_sample_tokens);
    };
    if (const std::size_t dropped = std::erase_if(order, too_long); dropped > 0) {
      counts_.dropped["longer than max_sample_tokens"] = static_cast<std::int64_t>(dropped);
    }
    return order;
  }

  void take_kinds(const KindCounts& kinds) {
    const auto of = [&](Kind kind) { return kinds[static_cast<std::size_t>(kind)]; };
    counts_.document = of(Kind::document);
    counts_.thinking = of(Kind::thinking);
    counts_.special = of(Kind::special);
    counts_.prompt = of(Kind::prompt);
    counts_.answer = of(Kind::answer);
    counts_.total = std::accumulate(kinds.begin(), kinds.end(), std::int64_t{0});
  }

  void write_info() const {
    const std::string tokenizer_json = tokenizer_.to_json();
    storage::write_file_atomically(folder_ / kShardTokenizer, tokenizer_json);
    Config settings = config_;
    Fields fields("pack");
    describe(fields, settings);
    Json recipe = fields.to_json();
    // What must not, or cannot, change the bytes: threads, and where the tokenizer lay.
    recipe.erase("threads");
    recipe.erase("tokenizer");
    Json info;
    info["version"] = 1;
    info["prefix"] = kShardPrefix;
    info["sequences"] = counts_.samples;
    info["tokens"] = counts_.total;
    info["dtype"] = id_bytes_ == 2 ? "uint16" : "int32";
    info["vocab_size"] = tokenizer_.vocab_size();
    info["end_of_text"] = composer_.end_of_text();
    info["padding"] = tokenizer_.special("<|pad|>").value_or(composer_.end_of_text());
    info["tags"] = composer_.tags_are_special() ? "special" : "text";
    info["tokenizer_sha256"] = sha256_hex(tokenizer_json);
    info["settings"] = std::move(recipe);
    info["counts"] = to_json(counts_);
    storage::write_file_atomically(folder_ / kShardInfo, dump_json_pretty(info));
  }

  void check_stop() const {
    if (stop_.stop_requested()) {
      throw Interrupted("packing was stopped; nothing is kept of it: run the same command again");
    }
  }

  void report(const char* what, double done, double total, const char* unit,
              std::vector<std::pair<std::string, std::string>> facts = {}) const {
    progress_.report({std::string("pack: ") + what, done, total, unit, std::move(facts)});
  }

  const Config& config_;
  const tokenize::Tokenizer& tokenizer_;
  Composer composer_;
  std::filesystem::path folder_;
  Progress& progress_;
  std::stop_token stop_;
  std::size_t id_bytes_;
  std::unique_ptr<Spool> spool_;
  Counts counts_;
};

}  // namespace

Counts write_shards(const Config& config, const tokenize::Tokenizer& tokenizer,
                    Source<AugmentedDocument>& source, const std::filesystem::path& folder,
                    Progress& progress, std::stop_token stop) {
  if (config.shuffle_thinking && config.format == Format::vanilla) {
    user_error(
        "pack.shuffle_thinking: the format vanilla has no thinking; allowed with tpt, "
        "thinking_first and rephrase");
  }
  Packing packing(config, tokenizer, folder, progress, std::move(stop));
  if (config.format != Format::interleaved) return packing.run(source);
  if (config.shuffle_thinking) {
    user_error(
        "pack.shuffle_thinking: a sample of the format interleaved has several pieces of thinking; "
        "allowed with tpt, thinking_first and rephrase");
  }
  RowRuns runs(config, source);
  return packing.run(runs);
}

Counts write_examples(const Config& config, const tokenize::Tokenizer& tokenizer,
                      Source<Conversation>& examples, const std::filesystem::path& folder,
                      Progress& progress, std::stop_token stop) {
  Config settings = config;
  settings.shuffle_thinking = false;
  return Packing(settings, tokenizer, folder, progress, std::move(stop)).run(examples);
}

}  // namespace tpt::pack
