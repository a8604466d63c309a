// A buffer of which each process holds its share, as one whole on process 0, and back.
#pragma once

#include "train/flat_layout.h"
#include "train/ranks.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace tpt::train {

// `own` holds what this process steps of a sharded layout from element `first` on. On process 0 the
// whole from there on, on the CPU, with 0 as padding; undefined on the others.
at::Tensor gathered_on_first(const FlatLayout& layout, Ranks& ranks, const at::Tensor& own,
                             std::int64_t first);

// Fills `own` on each process from `whole` on process 0; the others give an undefined one.
void spread_from_first(const FlatLayout& layout, Ranks& ranks, const at::Tensor& whole,
                       const at::Tensor& own, std::int64_t first);

}  // namespace tpt::train
