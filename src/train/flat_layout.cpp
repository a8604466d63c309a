#include "train/flat_layout.h"

#include "base/error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace tpt::train {
namespace {

// What steps a parameter. Norms are vectors; an embedding and a head are matrices, told by name.
enum class Stepping { muon, adamw_decayed, adamw };

Stepping stepping_of(const std::string& name, const at::Tensor& parameter, const Config& config) {
  const bool is_embedding = name.find("embed_tokens") != std::string::npos;
  const bool is_head = name.find("lm_head") != std::string::npos;
  if (config.optimizer == OptimizerKind::muon && parameter.dim() == 2 && !is_embedding &&
      !is_head) {
    return Stepping::muon;
  }
  const bool is_decayed =
      config.decay_norms_and_embeddings || (parameter.dim() >= 2 && !is_embedding);
  return is_decayed ? Stepping::adamw_decayed : Stepping::adamw;
}

Range overlap(Range a, Range b) { return {std::max(a.from, b.from), std::min(a.to, b.to)}; }

std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

std::vector<Range> pieces_of(Range range) {
  constexpr std::int64_t kPieceElements = 1 << 17;
  std::vector<Range> pieces;
  for (std::int64_t from = range.from; from < range.to; from += kPieceElements) {
    pieces.push_back({from, std::min(from + kPieceElements, range.to)});
  }
  return pieces;
}

std::int64_t FlatLayout::Part::count() const { return c10::multiply_integers(shape); }

FlatLayout::FlatLayout(const model::NamedTensors& parameters, const Config& config,
                       std::int64_t rank, std::int64_t size)
    : rank_(rank), size_(size) {
  TPT_CHECK(!parameters.empty() && 0 <= rank && rank < size);
  place_parts(parameters, config);
  if (size_ == 1) {
    return;
  }
  constexpr double kMib = 1 << 20;
  const auto elements =
      rounded_up(static_cast<std::int64_t>(config.bucket_mib * kMib / sizeof(float)) + 1, size_);
  if (config.shard_optimizer) {
    spread_matrices();
    total_ = matrices_end_ + rounded_up(total_ - matrices_end_, size_);
    cut({0, matrices_end_}, elements, /*in_parts=*/false);
    cut({matrices_end_, total_}, elements, /*in_parts=*/true);
  } else {
    cut({0, total_}, elements, /*in_parts=*/false);
  }
  order_buckets();
}

void FlatLayout::place_parts(const model::NamedTensors& parameters, const Config& config) {
  for (const Stepping stepping : {Stepping::muon, Stepping::adamw_decayed, Stepping::adamw}) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto& [name, parameter] = parameters[i];
      if (stepping_of(name, parameter, config) == stepping) {
        TPT_CHECK(parameter.scalar_type() == at::kFloat);
        parts_.push_back({name, total_, parameter.sizes().vec(), static_cast<std::int64_t>(i)});
        total_ += parameter.numel();
      }
    }
    matrices_end_ = stepping == Stepping::muon ? total_ : matrices_end_;
    decayed_end_ = stepping == Stepping::adamw_decayed ? total_ : decayed_end_;
  }
}

// Whole matrices to each process, the largest first to whoever has the least; each process's stand
// together, with padding up to the length of the longest share.
void FlatLayout::spread_matrices() {
  if (matrices_end_ == 0) {
    return;
  }
  const auto end = std::find_if(parts_.begin(), parts_.end(),
                                [&](const Part& part) { return part.from >= matrices_end_; });
  std::vector<Part*> by_size;
  for (auto part = parts_.begin(); part != end; ++part) {
    by_size.push_back(&*part);
  }
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const Part* a, const Part* b) { return a->count() > b->count(); });
  std::vector<std::int64_t> shares(static_cast<std::size_t>(size_));
  std::vector<std::pair<std::size_t, Part*>> owners;
  for (Part* part : by_size) {
    const auto least = std::min_element(shares.begin(), shares.end());
    owners.emplace_back(least - shares.begin(), part);
    *least += part->count();
  }
  const std::int64_t each = *std::max_element(shares.begin(), shares.end());
  std::vector<std::int64_t> next(shares.size());
  std::stable_sort(owners.begin(), owners.end(), [](const auto& a, const auto& b) {
    return a.second->parameter < b.second->parameter;
  });
  for (const auto& [owner, part] : owners) {
    part->from = static_cast<std::int64_t>(owner) * each + next[owner];
    next[owner] += part->count();
  }
  const std::int64_t longer = size_ * each - matrices_end_;
  for (auto part = end; part != parts_.end(); ++part) {
    part->from += longer;
  }
  std::sort(parts_.begin(), end, [](const Part& a, const Part& b) { return a.from < b.from; });
  matrices_end_ += longer;
  decayed_end_ += longer;
  total_ += longer;
  stripes_.push_back({{0, matrices_end_}, each});
}

void FlatLayout::cut(Range range, std::int64_t bucket_elements, bool in_parts) {
  for (std::int64_t from = range.from; from < range.to; from += bucket_elements) {
    const Range bucket{from, std::min(from + bucket_elements, range.to)};
    buckets_.push_back({bucket, in_parts});
    if (in_parts) {
      stripes_.push_back({bucket, bucket.count() / size_});
    }
  }
}

// A backward pass completes a bucket with the first of its parameters in the order of a forward
// pass: what the last layers hold goes first.
void FlatLayout::order_buckets() {
  const auto first_parameter = [&](const Bucket& bucket) {
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    for (const Part& part : parts_) {
      first =
          overlap(part.range(), bucket.range).count() > 0 ? std::min(first, part.parameter) : first;
    }
    return first;
  };
  std::vector<std::pair<std::int64_t, Bucket>> keyed;
  for (const Bucket& bucket : buckets_) {
    keyed.emplace_back(first_parameter(bucket), bucket);
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::transform(keyed.begin(), keyed.end(), buckets_.begin(),
                 [](const auto& one) { return one.second; });
}

std::vector<FlatLayout::Own> FlatLayout::own(Range within, std::int64_t first) const {
  std::vector<Own> pieces;
  std::int64_t place = 0;
  const auto add = [&](Range piece) {
    const Range held = overlap(piece, {first, total_});
    const Range wanted = overlap(held, within);
    if (wanted.count() > 0) {
      pieces.push_back({wanted, place + wanted.from - held.from});
    }
    place += std::max<std::int64_t>(held.count(), 0);
  };
  if (!is_sharded()) {
    add({0, total_});
  }
  for (const Stripe& stripe : stripes_) {
    add(stripe.of(rank_));
  }
  return pieces;
}

std::int64_t FlatLayout::own_count(std::int64_t first) const {
  std::int64_t count = 0;
  for (const Own& piece : own({first, total_}, first)) {
    count += piece.range.count();
  }
  return count;
}

}  // namespace tpt::train
