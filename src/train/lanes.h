// A forward and backward pass divided among lanes: threads that each run the whole network on some
// of its rows. Threads that share every operation wait for each other hundreds of times a pass,
// lanes once. Their gradients are added up in the order of the lanes: the numbers depend on the
// count of threads, not on which is faster.
#pragma once

#include "model/transformer.h"
#include "train/batches.h"
#include "train/flat_layout.h"
#include "train/objective.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <vector>

namespace tpt::train {

// Into how many parts of about equal size a pass of `rows` is divided where `threads` may compute;
// 1 where the rows do not divide well. A network of many parameters gets fewer: its operations are
// large, and so would be the gradients of the lanes.
std::int64_t count_lanes(std::int64_t rows, std::int64_t threads, std::int64_t parameters);

class Lanes {
 public:
  // For a network on the CPU whose parameters' gradients are views of `gradients` as `layout` says.
  // All lanes together use as many threads as torch does where this is called.
  // Keeps a reference to it. A second lane and those after it hold gradients of their own, from
  // the first pass on that needs them.
  Lanes(const model::Transformer& network, const FlatLayout& layout, const at::Tensor& gradients);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // accumulate_gradients() of each share, at once; the sum of what they give. A share without
  // targets is left out. One share alone is run by the calling thread.
  at::Tensor accumulate(const std::vector<Batch>& shares, double denominator, const Pass& pass);
  // Moves all that lanes have gathered into the gradients of the network.
  void add_up();

  // Calls piece(0) ... piece(pieces - 1), by the lanes at once where a pass has had several, else
  // by the calling thread. A team of threads of torch's own would spin for milliseconds after each
  // operation, beside lanes that compute.
  void run(std::int64_t pieces, const std::function<void(std::int64_t piece)>& piece);

 private:
  class Lane;

  void grow_to(std::size_t count);
  int threads_of_each() const;
  void await(std::vector<std::future<void>>& under_way) const;

  const model::Transformer& network_;
  std::vector<FlatLayout::Part> parts_;
  at::Tensor gradients_;
  int threads_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace tpt::train
