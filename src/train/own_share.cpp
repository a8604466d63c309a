#include "train/own_share.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace tpt::train {
namespace {

// Elements of a process that travel at once: the whole need not fit on a device.
constexpr std::int64_t kSlice = std::int64_t{1} << 22;

// Calls `each(stripe, from, count, place)` for slices [from, from + count) of each process's part,
// which stand at `place` of its own buffer.
template <typename Each>
void for_each_slice(const FlatLayout& layout, std::int64_t first, const Each& each) {
  std::int64_t place = 0;
  for (const FlatLayout::Stripe& stripe : layout.stripes()) {
    if (stripe.range.from < first) {
      continue;
    }
    for (std::int64_t from = 0; from < stripe.each; from += kSlice) {
      const std::int64_t count = std::min(kSlice, stripe.each - from);
      each(stripe, from, count, place);
      place += count;
    }
  }
}

at::Tensor in_whole(const at::Tensor& whole, const FlatLayout::Stripe& stripe, std::int64_t rank,
                    std::int64_t from, std::int64_t count, std::int64_t first) {
  return whole.narrow(0, stripe.of(rank).from + from - first, count);
}

}  // namespace

at::Tensor gathered_on_first(const FlatLayout& layout, Ranks& ranks, const at::Tensor& own,
                             std::int64_t first) {
  at::Tensor whole;
  if (ranks.is_first()) {
    whole = at::zeros({layout.total() - first}, own.options().device(at::kCPU));
  }
  for_each_slice(layout, first,
                 [&](const FlatLayout::Stripe& stripe, std::int64_t from, std::int64_t count,
                     std::int64_t place) {
                   const auto slices = ranks.gather_on_first(own.narrow(0, place, count));
                   for (std::size_t rank = 0; rank < slices.size(); ++rank) {
                     in_whole(whole, stripe, static_cast<std::int64_t>(rank), from, count, first)
                         .copy_(slices[rank]);
                   }
                 });
  return whole;
}

void spread_from_first(const FlatLayout& layout, Ranks& ranks, const at::Tensor& whole,
                       const at::Tensor& own, std::int64_t first) {
  for_each_slice(
      layout, first,
      [&](const FlatLayout::Stripe& stripe, std::int64_t from, std::int64_t count,
          std::int64_t place) {
        const at::Tensor slices = at::empty({ranks.size(), count}, own.options());
        if (ranks.is_first()) {
          for (std::int64_t rank = 0; rank < ranks.size(); ++rank) {
            slices.select(0, rank).copy_(in_whole(whole, stripe, rank, from, count, first));
          }
        }
        ranks.broadcast(slices);
        own.narrow(0, place, count).copy_(slices.select(0, ranks.rank()));
      });
}

}  // namespace tpt::train
