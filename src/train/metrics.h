// metrics.jsonl: what the loop saw, one JSON object a line.
#pragma once

#include "base/json.h"
#include "records/sample.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

namespace tpt::train {

// Sums of losses, counts of targets and of the bytes of their text, by what the target is for.
struct Tally {
  static constexpr std::size_t kKinds = 6;
  std::array<double, kKinds> nats{};
  std::array<std::int64_t, kKinds> targets{};
  std::array<std::int64_t, kKinds> bytes{};  // 0 where the tokenizer is not known

  void add(Kind kind, double loss_nats);
  void add_target(Kind kind, std::int64_t target_bytes);
  void add(const Tally& other);
  double total_nats() const;
  std::int64_t total_targets() const;
  // Nats a target; 0 where there are none.
  double mean() const;
  double mean(Kind kind) const;
  // Bits a byte of text; 0 where no bytes were counted.
  double bits_per_byte(Kind kind) const;
  std::int64_t count(Kind kind) const;

  bool operator==(const Tally&) const = default;
};

Json to_json(const Tally& tally);
Tally tally_from_json(const Json& json);

// What happened since the line before.
struct MetricsLine {
  std::int64_t step = 0;
  std::int64_t tokens = 0;
  Tally tally;
  double learning_rate = 0;
  double gradient_norm = 0;  // of the last step
  std::int64_t skipped = 0;  // steps that were left out
  double tokens_per_second = 0;
  double flops_per_second = 0;
  std::optional<double> peak_share;  // of the device's peak (MFU), or of a CPU's measured rate
  std::string peak_name;             // "mfu", "gemm_share"; "" where no peak is known
  double seconds = 0;
};

// {"step", "tokens", "loss", "loss_document", "bits_per_byte_document", "loss_thinking", ...,
// "learning_rate", "grad_norm", "skipped", "tokens_per_second", "flops_per_second", "mfu" or
// "gemm_share" or "mfu": "unknown", "seconds"}: a loss for each kind that had targets, in nats a
// target token; no "loss" where there were none.
Json to_json(const MetricsLine& line);
// The losses of `tally` by kind, under the same names.
void add_losses(const Tally& tally, Json& json);

class MetricsFile {
 public:
  // Opens for appending and cuts off what lies beyond `keep_bytes`: lines of steps that the state
  // to be resumed from has not done.
  MetricsFile(const std::filesystem::path& path, std::int64_t keep_bytes);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  // Readers see the line at once. Error(io) for a full disk.
  void append(const Json& line);
  // Makes the lines durable; returns the length of the file.
  std::int64_t sync();

 private:
  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace tpt::train
