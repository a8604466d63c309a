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

// Adds a range of `from` to `to` and empties it, in one pass over memory.
void move_sum(const at::Tensor& from, const at::Tensor& to, Range range) {
  auto* source = from.mutable_data_ptr<float>();
  auto* sum = to.mutable_data_ptr<float>();
  for (std::int64_t i = range.from; i < range.to; ++i) {
    sum[i] += source[i];
    source[i] = 0.0F;
  }
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

  // With so many threads for torch's operations.
  std::future<void> start(std::function<void(const model::Transformer&)> piece, int threads) {
    std::packaged_task<void()> work([this, piece = std::move(piece), threads] {
      at::set_num_threads(threads);
      piece(*network_);
    });
    std::future<void> done = work.get_future();
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
      std::packaged_task<void()> work;
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
  std::packaged_task<void()> work_;
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

int Lanes::threads_of_each() const {
  return std::max(1, threads_ / static_cast<int>(lanes_.size()));
}

void Lanes::await(std::vector<std::future<void>>& under_way) const {
  for (const std::future<void>& one : under_way) {
    one.wait();  // all, before an error of one is thrown
  }
  // Each lane's count is its own, but torch has one more that threads take over at times.
  at::set_num_threads(threads_);
  for (std::future<void>& one : under_way) {
    one.get();
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
  std::vector<at::Tensor> nats_of_share(shares.size());
  std::vector<std::future<void>> under_way;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i].targets() > 0) {
      const auto piece = [&, i](const model::Transformer& network) {
        nats_of_share[i] = accumulate_gradients(network, shares[i], denominator, pass);
      };
      under_way.push_back(lanes_[i]->start(piece, threads_of_each()));
    }
  }
  await(under_way);
  for (const at::Tensor& one : nats_of_share) {
    if (one.defined()) {
      nats.add_(one);
    }
  }
  return nats;
}

void Lanes::add_up() {
  const std::vector<Range> pieces = pieces_of({0, gradients_.numel()});
  run(std::ssize(pieces), [&](std::int64_t piece) {
    for (const std::unique_ptr<Lane>& lane : lanes_) {
      if (lane->gradients().defined()) {
        move_sum(lane->gradients(), gradients_, pieces[static_cast<std::size_t>(piece)]);
      }
    }
  });
}

void Lanes::run(std::int64_t pieces, const std::function<void(std::int64_t piece)>& piece) {
  const std::int64_t lanes = std::max<std::int64_t>(1, std::ssize(lanes_));
  const auto every_so_many = [&](std::int64_t first) {
    for (std::int64_t i = first; i < pieces; i += lanes) {
      piece(i);
    }
  };
  if (lanes_.empty()) {
    every_so_many(0);
    return;
  }
  std::vector<std::future<void>> under_way;
  for (std::int64_t i = 0; i < lanes; ++i) {
    under_way.push_back(lanes_[static_cast<std::size_t>(i)]->start(
        [&, i](const model::Transformer&) { every_so_many(i); }, threads_of_each()));
  }
  await(under_way);
}

}  // namespace tpt::train
