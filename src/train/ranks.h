// The processes that train together: how many, which one this is, and what they add up or tell each
// other. Every call is made by all of them, in the same order. Tensors on a CPU go through Gloo,
// those on a CUDA device through NCCL.
//
//   Ranks ranks(launch_from(process_environment()), {.timeout_seconds = 600.0});
//   ranks.sum(losses);  // the same bits on all processes
#pragma once

#include "train/launch.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace at {
class Tensor;
}

namespace tpt::train {

struct RanksConfig {
  double timeout_seconds = 1800.0;  // that one waits for the others
};

// A call throws Error(remote) where another process has ended or does not answer in time: it says
// which, and that one's last words where it left some.
class Ranks {
 public:
  // This process alone: nothing to add up, nobody to tell.
  Ranks();
  // Waits until all are there. Error(remote) where they do not come.
  Ranks(const Launch& launch, const RanksConfig& config);
  ~Ranks();
  Ranks(Ranks&&) noexcept;

  std::int64_t rank() const { return rank_; }
  std::int64_t size() const { return size_; }
  // Processes of this machine; 0 where the launcher does not say.
  std::int64_t local_size() const { return local_size_; }
  bool is_first() const { return rank_ == 0; }
  bool are_many() const { return size_ > 1; }

  // Begins to add up `tensor` over the processes, in place; wait() before it is read.
  void start_sum(const at::Tensor& tensor);
  // The same for a one-dimensional tensor of `size()` equal parts; only the own part, at
  // rank() / size() of it, is to be read afterwards.
  void start_sum_of_parts(const at::Tensor& tensor);
  // Begins to fill the parts of the others with what they have there.
  void start_gather_of_parts(const at::Tensor& tensor);
  // Until all that was begun is done; on a device, what is queued there later comes after it.
  void wait();

  void sum(const at::Tensor& tensor);
  // What process 0 has.
  void broadcast(const at::Tensor& tensor);
  std::string broadcast(const std::string& text);
  // On process 0 the tensors of all, by rank; nothing on the others.
  std::vector<at::Tensor> gather_on_first(const at::Tensor& tensor);
  // The tensors of all, by rank, on all.
  std::vector<at::Tensor> gather(const at::Tensor& tensor);
  // The largest of what each says, for a few numbers on the host.
  std::vector<double> largest(const std::vector<double>& values);

  // What the others are to be told if this process ends before they do.
  void leave_last_words(std::string_view words);

 private:
  struct Group;

  std::int64_t rank_ = 0, size_ = 1, local_size_ = 1;
  std::unique_ptr<Group> group_;
};

}  // namespace tpt::train
