#include "train/ranks.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace tpt::train {
namespace {

using Milliseconds = std::chrono::milliseconds;

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

Milliseconds milliseconds(double seconds) {
  return Milliseconds(static_cast<std::int64_t>(seconds * 1000.0));
}

std::string key(const char* what, std::int64_t rank) { return fmt::format("{}/{}", what, rank); }

// How long processes look for each other's last words.
constexpr auto kMoment = std::chrono::seconds(10);

class Moment {
 public:
  bool is_over() const { return std::chrono::steady_clock::now() > end_; }
  void pause() const { std::this_thread::sleep_for(Milliseconds(20)); }

 private:
  std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + kMoment;
};

}  // namespace

struct Ranks::Group {
  Launch launch;
  Milliseconds timeout{};
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> host;    // for tensors on the CPU
  c10::intrusive_ptr<c10d::Backend> device;  // for those on a device, from the first one on
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  bool is_lost = false;  // another process; what this one says then is no news

  void meet();
  void open_host();
  void open_device();
  c10d::Backend& of(const at::Tensor& tensor);
  // What c10d throws as what a person can act on.
  template <typename Call>
  auto guarded(Call&& call) {
    try {
      return call();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& problem) {
      fail(problem);
    }
  }
  [[noreturn]] void fail(const std::exception& problem);
  std::string missing();
  void let_others_read();
  bool has(const char* what, std::int64_t rank) { return store->check({key(what, rank)}); }
  // Waits for it; what is lost is closed before anybody is told, which the work itself would keep
  // from happening.
  void finish(c10::intrusive_ptr<c10d::Work> work) {
    try {
      work->wait();
    } catch (const std::exception& problem) {
      const std::runtime_error same(problem.what());
      work.reset();
      close();
      fail(same);
    }
  }
  void close();
};

void Ranks::Group::meet() {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(launch.port);
  options.isServer = launch.rank == 0 && !launch.launcher_listens;
  options.numWorkers = static_cast<std::size_t>(launch.size);
  options.waitWorkers = false;
  options.timeout = timeout;
  store = c10::make_intrusive<c10d::PrefixStore>(
      "tpt/" + launch.attempt, c10::make_intrusive<c10d::TCPStore>(launch.address, options));
  store->setTimeout(timeout);
  if (store->add(key("come", launch.rank), 1) > 1) {
    user_error("{}: two processes came as number {} of {}: each needs a number of its own",
               launch.by, launch.rank, launch.size);
  }
}

void Ranks::Group::open_host() {
  auto options = c10d::ProcessGroupGloo::Options::create_default(timeout);
  if (launch.is_one_machine()) {
    options->devices = {c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")};
  }
  host = c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>("host", store), static_cast<int>(launch.rank),
      static_cast<int>(launch.size), options);
}

void Ranks::Group::open_device() {
#ifdef USE_C10D_NCCL
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  device = c10::make_intrusive<c10d::ProcessGroupNCCL>(
      c10::make_intrusive<c10d::PrefixStore>("device", store), static_cast<int>(launch.rank),
      static_cast<int>(launch.size), options);
#else
  user_error("this program was built without NCCL: many processes train on CPUs only");
#endif
}

// Those that wait for this process hear by that of its end, or of another's.
void Ranks::Group::close() {
  works.clear();
  host.reset();
}

c10d::Backend& Ranks::Group::of(const at::Tensor& tensor) {
  TPT_CHECK(host != nullptr, "another process was lost");
  if (tensor.is_cpu()) {
    return *host;
  }
  if (!device) {
    open_device();
  }
  return *device;
}

// The processes that do not say within a moment that they too have lost somebody, or the last words
// of one that left some.
std::string Ranks::Group::missing() {
  store->set(key("lost", launch.rank), "1");
  std::string silent;
  for (const Moment moment; !moment.is_over(); moment.pause()) {
    silent.clear();
    for (std::int64_t rank = 0; rank < launch.size; ++rank) {
      if (has("end", rank)) {
        return fmt::format("; process {} had ended: {}", rank, store->get_to_str(key("end", rank)));
      }
      if (!has("lost", rank)) {
        silent += fmt::format("{}process {}", silent.empty() ? "" : ", ", rank);
      }
    }
    if (silent.empty()) {
      return "";
    }
  }
  return "; no word from " + silent;
}

// Process 0 keeps what is written for the others: it goes after those that look for it have read
// it. Of one that ends of itself (it leaves its last words) the others have not heard yet.
void Ranks::Group::let_others_read() {
  store->set(key("told", launch.rank), "1");
  if (launch.rank != 0 || launch.launcher_listens) {
    return;
  }
  for (const Moment moment; !moment.is_over(); moment.pause()) {
    bool all = true;
    for (std::int64_t rank = 0; rank < launch.size; ++rank) {
      const bool looks = has("lost", rank) || has("end", launch.rank);
      all = all && (!looks || has("told", rank) || has("end", rank));
    }
    if (all) {
      return;
    }
  }
}

void Ranks::Group::fail(const std::exception& problem) {
  std::string who;
  is_lost = true;
  try {
    store->setTimeout(kMoment);
    who = missing();
    let_others_read();
  } catch (const std::exception&) {
    who = launch.launcher_listens ? "" : "; process 0 is gone";  // and with it the store
  }
  remote_error(
      "process {} of {}: another process has ended or does not answer{} ({}); the same command "
      "goes on from the last state",
      launch.rank, launch.size, who, first_line(problem.what()));
}

Ranks::Ranks() = default;
Ranks::~Ranks() = default;
Ranks::Ranks(Ranks&&) noexcept = default;

Ranks::Ranks(const Launch& launch, const RanksConfig& config)
    : rank_(launch.rank), size_(launch.size), local_size_(launch.local_size) {
  if (!are_many()) {
    return;
  }
  // Gloo writes to its sockets without MSG_NOSIGNAL: a process that dies must end the others by an
  // error that names it, not by a signal.
  TPT_CHECK(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  group_ = std::make_unique<Group>();
  group_->launch = launch;
  group_->timeout = milliseconds(config.timeout_seconds);
  try {
    group_->meet();
    group_->open_host();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    if (std::string_view(problem.what()).find("EADDRINUSE") != std::string_view::npos) {
      user_error(
          "{}: port {} is in use: by another process that came as number 0, or by another run; "
          "choose another MASTER_PORT",
          launch.by, launch.port);
    }
    remote_error("process {} of {}: the processes do not meet at {}:{} within {} s: {}", rank_,
                 size_, launch.address, launch.port, config.timeout_seconds,
                 first_line(problem.what()));
  }
}

void Ranks::start_sum(const at::Tensor& tensor) {
  if (are_many()) {
    std::vector<at::Tensor> tensors{tensor};
    group_->works.push_back(group_->guarded([&] { return group_->of(tensor).allreduce(tensors); }));
  }
}

void Ranks::start_sum_of_parts(const at::Tensor& tensor) {
  TPT_CHECK(tensor.dim() == 1 && tensor.numel() % size_ == 0);
  // Gloo adds up all parts in any case.
  if (tensor.is_cpu()) {
    start_sum(tensor);
    return;
  }
  const std::int64_t each = tensor.numel() / size_;
  at::Tensor whole = tensor, part = tensor.narrow(0, rank_ * each, each);
  if (are_many()) {
    group_->works.push_back(
        group_->guarded([&] { return group_->of(tensor)._reduce_scatter_base(part, whole); }));
  }
}

void Ranks::start_gather_of_parts(const at::Tensor& tensor) {
  TPT_CHECK(tensor.dim() == 1 && tensor.numel() % size_ == 0);
  const std::int64_t each = tensor.numel() / size_;
  at::Tensor whole = tensor, part = tensor.narrow(0, rank_ * each, each);
  if (are_many()) {
    group_->works.push_back(
        group_->guarded([&] { return group_->of(tensor)._allgather_base(whole, part); }));
  }
}

void Ranks::wait() {
  if (are_many()) {
    for (auto& work : group_->works) {
      group_->finish(std::move(work));
    }
    group_->works.clear();
  }
}

void Ranks::sum(const at::Tensor& tensor) {
  start_sum(tensor);
  wait();
}

void Ranks::broadcast(const at::Tensor& tensor) {
  if (are_many()) {
    std::vector<at::Tensor> tensors{tensor};
    group_->finish(group_->guarded([&] { return group_->of(tensor).broadcast(tensors); }));
  }
}

std::string Ranks::broadcast(const std::string& text) {
  if (!are_many()) {
    return text;
  }
  at::Tensor length = at::full({1}, static_cast<std::int64_t>(text.size()), at::kLong);
  broadcast(length);
  at::Tensor bytes = at::empty({length.item<std::int64_t>()}, at::kByte);
  if (is_first()) {
    std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  }
  if (bytes.numel() > 0) {
    broadcast(bytes);
  }
  return {static_cast<const char*>(bytes.const_data_ptr()),
          static_cast<std::size_t>(bytes.numel())};
}

std::vector<at::Tensor> Ranks::gather_on_first(const at::Tensor& tensor) {
  if (!are_many()) {
    return {tensor};
  }
  std::vector<at::Tensor> inputs{tensor.contiguous()};
  std::vector<std::vector<at::Tensor>> outputs;
  if (is_first()) {
    outputs.emplace_back();
    for (std::int64_t i = 0; i < size_; ++i) {
      outputs.back().push_back(at::empty_like(inputs.front()));
    }
  }
  group_->finish(group_->guarded([&] { return group_->of(tensor).gather(outputs, inputs); }));
  return is_first() ? outputs.front() : std::vector<at::Tensor>();
}

std::vector<at::Tensor> Ranks::gather(const at::Tensor& tensor) {
  if (!are_many()) {
    return {tensor};
  }
  std::vector<at::Tensor> inputs{tensor.contiguous()};
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (std::int64_t i = 0; i < size_; ++i) {
    outputs.front().push_back(at::empty_like(inputs.front()));
  }
  group_->finish(group_->guarded([&] { return group_->of(tensor).allgather(outputs, inputs); }));
  return outputs.front();
}

std::vector<double> Ranks::largest(const std::vector<double>& values) {
  if (!are_many()) {
    return values;
  }
  const at::Tensor tensor = at::tensor(at::ArrayRef<double>(values));
  std::vector<at::Tensor> tensors{tensor};
  c10d::AllreduceOptions options;
  options.reduceOp = c10d::ReduceOp::MAX;
  group_->finish(group_->guarded([&] { return group_->host->allreduce(tensors, options); }));
  const auto* result = tensor.const_data_ptr<double>();
  return {result, result + values.size()};
}

void Ranks::leave_last_words(std::string_view words) {
  if (are_many() && !group_->is_lost) {
    try {
      group_->store->setTimeout(kMoment);
      group_->store->set(key("end", rank_), std::string(words));
      group_->close();
      group_->let_others_read();
    } catch (const std::exception&) {
      // Nobody is left to be told: what this process itself says at its end is all there is.
    }
  }
}

}  // namespace tpt::train
