#include "model/model_engine.h"

#include "base/error.h"
#include "model/model_batch.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace tpt::model {
namespace {

class Counter : public engine::TokenCounter {
 public:
  explicit Counter(const tokenize::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::int64_t count(std::string_view text) const override { return tokenizer_.count(text); }
  std::size_t prefix_bytes(std::string_view text, std::int64_t max_tokens) const override {
    return tokenizer_.prefix_bytes(text, max_tokens);
  }

 private:
  const tokenize::Tokenizer& tokenizer_;
};

void check(const Transformer& network, const tokenize::Tokenizer& tokenizer,
           const EngineConfig& config) {
  constexpr std::int64_t kMost = 4096;
  if (config.batch < 1 || config.batch > kMost) {
    user_error("batch: got {}, allowed 1 to {}", config.batch, kMost);
  }
  if (config.threads < 0 || config.threads > kMost) {
    user_error("threads: got {}, allowed 0 to {}", config.threads, kMost);
  }
  if (config.repeats < 0 || config.repeats > 1000) {
    user_error("repeats: got {}, allowed 0 to 1000", config.repeats);
  }
  if (config.repeats > 0 && network.config().recurrence.num_layers == 0) {
    user_error("repeats: got {}, but the model repeats no layer", config.repeats);
  }
  if (!config.device.empty() && config.device != "cpu") {
    user_error("device: got \"{}\", this program was built for \"cpu\"", config.device);
  }
  if (tokenizer.vocab_size() > network.config().vocab_size) {
    user_error("the tokenizer has {} ids, the model has {}: they do not belong together",
               tokenizer.vocab_size(), network.config().vocab_size);
  }
}

}  // namespace

// The thread that computes, and the queue in front of it.
class ModelEngine::Worker {
 public:
  Worker(const Transformer& network, std::shared_ptr<const tokenize::Tokenizer> tokenizer,
         const EngineConfig& config, std::string name)
      : config_(config),
        name_(std::move(name)),
        tokenizer_(std::move(tokenizer)),
        counter_(*tokenizer_),
        batch_(network, *tokenizer_, config),
        thread_([this](const std::stop_token& stop) { work(stop); }) {}

  void submit(engine::Request request, Done done) {
    const std::scoped_lock lock(mutex_);
    queue_.push_back({std::move(request), std::move(done), std::chrono::steady_clock::now()});
    changed_.notify_one();
  }

  const EngineConfig& config() const { return config_; }
  const std::string& name() const { return name_; }
  const Counter& counter() const { return counter_; }

 private:
  void work(const std::stop_token& stop) {
    if (config_.threads > 0) at::set_num_threads(static_cast<int>(config_.threads));
    while (!stop.stop_requested()) {
      if (fill(stop)) continue;
      if (!batch_.is_idle()) batch_.step();
    }
  }

  // Waits where there is nothing to do; true where it started a request and there may be more.
  bool fill(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (batch_.is_idle()) changed_.wait(lock, stop, [this] { return !queue_.empty(); });
    if (queue_.empty() || !batch_.has_room()) return false;
    EngineJob job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    batch_.start(std::move(job));
    return true;
  }

  EngineConfig config_;
  std::string name_;
  std::shared_ptr<const tokenize::Tokenizer> tokenizer_;
  Counter counter_;
  ModelBatch batch_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<EngineJob> queue_;
  std::jthread thread_;  // last, so that it ends before what it uses
};

ModelEngine::ModelEngine(std::shared_ptr<const Transformer> network,
                         std::shared_ptr<const tokenize::Tokenizer> tokenizer, EngineConfig config,
                         std::string name) {
  check(*network, *tokenizer, config);
  worker_ = std::make_unique<Worker>(*network, std::move(tokenizer), config, std::move(name));
}

ModelEngine::~ModelEngine() = default;

void ModelEngine::submit(engine::Request request, Done done) {
  worker_->submit(std::move(request), std::move(done));
}

std::int64_t ModelEngine::capacity() const {
  const std::int64_t batch = worker_->config().batch;
  return batch + std::max<std::int64_t>(1, batch / 4);
}

std::string ModelEngine::name() const { return worker_->name(); }

const engine::TokenCounter& ModelEngine::tokens() const { return worker_->counter(); }

}  // namespace tpt::model
