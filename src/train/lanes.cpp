#include "train/lanes.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace tpt::train {
namespace {

constexpr std::int64_t kGrainElements = 1 << 14;

// Adds `from` to `to` and empties it, in one pass over memory.
void move_sum(const at::Tensor& from, const at::Tensor& to) {
  auto* source = from.mutable_data_ptr<float>();
  auto* sum = to.mutable_data_ptr<float>();
  at::parallel_for(0, to.numel(), kGrainElements, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      sum[i] += source[i];
      source[i] = 0.0F;
    }
  });
}

// Its gradients are views of `gradients`.
model::Transformer twin_of(const model::Transformer& network,
                           const std::vector<FlatLayout::Part>& parts,
                           const at::Tensor& gradients) {
  model::Transformer twin = network.twin();
  for (const FlatLayout::Part& part : parts) {
    const auto parameter = static_cast<std::size_t>(part.parameter);
    at::Tensor weight = twin.parameters()[parameter].second;
    weight.mutable_grad() = gradients.narrow(0, part.from, part.count()).view(part.shape);
  }
  return twin;
}

}  // namespace

std::int64_t count_lanes(std::int64_t rows, std::int64_t threads, std::int64_t parameters) {
  constexpr double kMostUneven = 1.1;  // the largest part over the mean
  constexpr std::int64_t kMostGradients = (std::int64_t{2} << 30) / 4;  // beyond the first lane's
  for (std::int64_t lanes = std::min(rows, threads); lanes > 1; --lanes) {
    const std::int64_t largest = (rows + lanes - 1) / lanes;
    const double uneven = static_cast<double>(largest * lanes) / static_cast<double>(rows);
    if (threads % lanes == 0 && uneven <= kMostUneven &&
        (lanes - 1) * parameters <= kMostGradients) {
      return lanes;
    }
  }
  return 1;
}

// A thread that works on what it is given, one piece at a time.
class Lanes::Lane {
 public:
  // With a twin of the network where `gradients` are given, else with the network itself.
  Lane(const model::Transformer& network, const std::vector<FlatLayout::Part>& parts,
       const at::Tensor& gradients)
      : network_(&network), gradients_(gradients) {
    if (gradients_.defined()) {
      network_ = &twin_.emplace(twin_of(network, parts, gradients_));
    }
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

  const at::Tensor& gradients() const { return gradients_; }

  std::future<at::Tensor> start(const Batch& share, double denominator, const Pass& pass,
                                int threads) {
    std::packaged_task<at::Tensor()> work([this, &share, denominator, pass, threads] {
      at::set_num_threads(threads);
      return accumulate_gradients(*network_, share, denominator, pass);
    });
    std::future<at::Tensor> done = work.get_future();
    {
      const std::lock_guard lock(mutex_);
      TPT_CHECK(!work_.valid(), "a lane was given work before it had done the last");
      work_ = std::move(work);
    }
    given_.notify_one();
    return done;
  }

 private:
  void serve(const std::stop_token& stop) {
    while (true) {
      std::packaged_task<at::Tensor()> work;
      {
        std::unique_lock lock(mutex_);
        if (!given_.wait(lock, stop, [this] { return work_.valid(); })) {
          return;
        }
        work = std::exchange(work_, {});
      }
      work();
    }
  }

  const model::Transformer* network_;
  std::optional<model::Transformer> twin_;
  at::Tensor gradients_;
  std::mutex mutex_;
  std::condition_variable_any given_;
  std::packaged_task<at::Tensor()> work_;
  std::jthread thread_;  // last: it ends before what it uses
};

Lanes::Lanes(const model::Transformer& network, const FlatLayout& layout,
             const at::Tensor& gradients)
    : network_(network),
      parts_(layout.parts()),
      gradients_(gradients),
      threads_(at::get_num_threads()) {}

Lanes::~Lanes() = default;

void Lanes::grow_to(std::size_t count) {
  while (lanes_.size() < count) {
    const at::Tensor own = lanes_.empty() ? at::Tensor() : at::zeros_like(gradients_);
    lanes_.push_back(std::make_unique<Lane>(network_, parts_, own));
  }
}

at::Tensor Lanes::accumulate(const std::vector<Batch>& shares, double denominator,
                             const Pass& pass) {
  at::Tensor nats = at::zeros({Tally::kKinds}, gradients_.options().dtype(at::kDouble));
  if (shares.size() == 1) {
    return shares[0].targets() > 0 ? accumulate_gradients(network_, shares[0], denominator, pass)
                                   : nats;
  }
  grow_to(shares.size());
  const int threads = std::max(1, threads_ / static_cast<int>(shares.size()));
  std::vector<std::future<at::Tensor>> under_way;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i].targets() > 0) {
      under_way.push_back(lanes_[i]->start(shares[i], denominator, pass, threads));
    }
  }
  for (const std::future<at::Tensor>& one : under_way) {
    one.wait();  // all, before an error of one ends the pass
  }
  // Each lane's count is its own, but torch has one more that threads take over at times.
  at::set_num_threads(threads_);
  for (std::future<at::Tensor>& one : under_way) {
    nats.add_(one.get());
  }
  return nats;
}

void Lanes::add_up() {
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    if (lane->gradients().defined()) {
      move_sum(lane->gradients(), gradients_);
    }
  }
}

}  // namespace tpt::train
