#include "train/metrics.h"

#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <numbers>
#include <numeric>
#include <unistd.h>

namespace tpt::train {
namespace {

std::size_t index_of(Kind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

void Tally::add(Kind kind, double loss_nats) {
  nats[index_of(kind)] += loss_nats;
  ++targets[index_of(kind)];
}

void Tally::add_target(Kind kind, std::int64_t target_bytes) {
  ++targets[index_of(kind)];
  bytes[index_of(kind)] += target_bytes;
}

void Tally::add(const Tally& other) {
  for (std::size_t i = 0; i < kKinds; ++i) {
    nats[i] += other.nats[i];
    targets[i] += other.targets[i];
    bytes[i] += other.bytes[i];
  }
}

double Tally::total_nats() const { return std::accumulate(nats.begin(), nats.end(), 0.0); }

std::int64_t Tally::total_targets() const {
  return std::accumulate(targets.begin(), targets.end(), std::int64_t{0});
}

double Tally::mean() const {
  const std::int64_t count = total_targets();
  return count > 0 ? total_nats() / static_cast<double>(count) : 0.0;
}

double Tally::mean(Kind kind) const {
  return count(kind) > 0 ? nats[index_of(kind)] / static_cast<double>(count(kind)) : 0.0;
}

double Tally::bits_per_byte(Kind kind) const {
  const auto text_bytes = static_cast<double>(bytes[index_of(kind)]);
  return text_bytes > 0 ? nats[index_of(kind)] / (std::numbers::ln2 * text_bytes) : 0.0;
}

std::int64_t Tally::count(Kind kind) const { return targets[index_of(kind)]; }

Json to_json(const Tally& tally) {
  return {{"nats", tally.nats}, {"targets", tally.targets}, {"bytes", tally.bytes}};
}

Tally tally_from_json(const Json& json) {
  Tally tally;
  tally.nats = json.at("nats").get<decltype(tally.nats)>();
  tally.targets = json.at("targets").get<decltype(tally.targets)>();
  tally.bytes = json.at("bytes").get<decltype(tally.bytes)>();
  return tally;
}

void add_losses(const Tally& tally, Json& json) {
  for (std::size_t i = 0; i < Tally::kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    if (tally.count(kind) > 0) {
      json["loss_" + std::string(kind_name(kind))] = tally.mean(kind);
    }
    if (tally.bytes[i] > 0) {
      json["bits_per_byte_" + std::string(kind_name(kind))] = tally.bits_per_byte(kind);
    }
  }
}

Json to_json(const MetricsLine& line) {
  Json json = {{"step", line.step}, {"tokens", line.tokens}};
  if (line.tally.total_targets() > 0) {
    json["loss"] = line.tally.mean();
  }
  add_losses(line.tally, json);
  json["learning_rate"] = line.learning_rate;
  json["grad_norm"] = line.gradient_norm;
  json["skipped"] = line.skipped;
  json["tokens_per_second"] = line.tokens_per_second;
  json["flops_per_second"] = line.flops_per_second;
  if (line.peak_name.empty()) {
    json["mfu"] = "unknown";
  } else if (line.peak_share) {
    json[line.peak_name] = *line.peak_share;
  }
  json["seconds"] = line.seconds;
  return json;
}

MetricsFile::MetricsFile(const std::filesystem::path& path, std::int64_t keep_bytes) : path_(path) {
  file_ = std::fopen(path.c_str(), "ab");
  if (file_ == nullptr) {
    io_error("{}: cannot be opened for writing: {}", path.string(), std::strerror(errno));
  }
  std::fseek(file_, 0, SEEK_END);
  const std::int64_t present = std::ftell(file_);
  bytes_ = std::min(present, keep_bytes);
  if (present > keep_bytes && ::ftruncate(::fileno(file_), keep_bytes) != 0) {
    std::fclose(file_);
    io_error("{}: cannot be cut to {} bytes: {}", path.string(), keep_bytes, std::strerror(errno));
  }
}

MetricsFile::~MetricsFile() { std::fclose(file_); }

void MetricsFile::append(const Json& line) {
  const std::string text = dump_json(line) + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0) {
    io_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
  bytes_ += static_cast<std::int64_t>(text.size());
}

std::int64_t MetricsFile::sync() {
  if (::fsync(::fileno(file_)) != 0) {
    io_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
  return bytes_;
}

}  // namespace tpt::train
