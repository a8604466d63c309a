#include "engine/llama_engine.h"

#include "base/error.h"
#include "base/log.h"
#include "engine/llama_batcher.h"
#include "engine/llama_counter.h"
#include "engine/llama_library.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

namespace tpt::engine {

void describe(Fields& fields, LlamaConfig& config) {
  fields.text("model", config.model, "path of the GGUF model");
  fields.integer("parallel", config.parallel,
                 "requests worked on at once; 1 makes the texts reproducible", 1, 256);
  fields.integer("sequence_tokens", config.context_tokens,
                 "prompt and answer of one request together, in tokens; 0: as many as the requests "
                 "need and the model was trained with",
                 0, 1 << 24);
  fields.integer("batch_tokens", config.batch_tokens,
                 "most tokens in one step; prompts are read in such pieces", 1, 1 << 16);
  fields.integer("threads", config.threads, "0: as many as the machine has", 0, 1024);
  fields.integer("gpu_layers", config.gpu_layers,
                 "layers on a GPU where llama.cpp was built for one; -1: all", -1, 1 << 16);
  fields.flag("eight_bit_weights", config.eight_bit_weights,
              "re-encode the weights as Q8_0 when loading: faster for files such as Q4_1");
  fields.text("system_prompt", config.system_prompt,
              "the system turn; empty: the one of the model's chat template");
}

namespace {

LlamaContext::Options context_options(const LlamaConfig& config, const LlamaModel& model) {
  if (config.parallel < 1 || config.parallel > 256) {
    user_error("engine.parallel: got {}, allowed 1 to 256", config.parallel);
  }
  if (config.context_tokens > model.trained_context()) {
    user_error("engine.sequence_tokens: got {}, but {} was trained with {}", config.context_tokens,
               config.model, model.trained_context());
  }
  if (config.context_tokens == 0 && config.request_tokens > model.trained_context()) {
    log_warning("{} was trained with {} tokens: requests of {} end there", config.model,
                model.trained_context(), config.request_tokens);
  }
  LlamaContext::Options options;
  options.sequences = config.parallel;
  options.tokens_of_sequence = config.context_tokens > 0
                                   ? config.context_tokens
                                   : std::min(config.request_tokens, model.trained_context());
  // Each answer under way needs its token in every step.
  options.batch_tokens = std::max(config.batch_tokens, config.parallel);
  options.threads = config.threads > 0
                        ? config.threads
                        : std::max<std::int64_t>(1, std::thread::hardware_concurrency());
  return options;
}

}  // namespace

// The thread that owns the context, and the queue in front of it.
class LlamaEngine::Worker {
 public:
  explicit Worker(const LlamaConfig& config)
      : config_(config),
        model_(config.model, config.gpu_layers, config.eight_bit_weights),
        counter_(model_),
        prompt_(model_, config.system_prompt),
        options_(context_options(config, model_)),
        context_(model_, options_, stopping_),
        batcher_(model_, context_, prompt_, options_),
        thread_([this] { work(); }) {}

  ~Worker() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
  }

  void submit(Request request, Done done) {
    const std::scoped_lock lock(mutex_);
    queue_.push_back({std::move(request), std::move(done), std::chrono::steady_clock::now()});
    changed_.notify_one();
  }

  const LlamaConfig& config() const { return config_; }
  const LlamaCounter& counter() const { return counter_; }

 private:
  void work() {
    while (fill_slots()) {
      if (!batcher_.step()) {
        return;
      }
    }
  }

  // Waits where there is nothing to do; false once the engine ends.
  bool fill_slots() {
    while (!stopping_) {
      std::unique_lock lock(mutex_);
      if (queue_.empty() || !batcher_.has_free_slot()) {
        if (!batcher_.is_idle()) {
          if (queue_.empty()) {
            batcher_.close_gaps();
          }
          return true;
        }
        changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        continue;
      }
      LlamaJob job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      batcher_.start(std::move(job));
    }
    return false;
  }

  LlamaConfig config_;
  std::atomic<bool> stopping_ = false;
  LlamaModel model_;
  LlamaCounter counter_;
  ChatPrompt prompt_;
  LlamaContext::Options options_;
  LlamaContext context_;
  LlamaBatcher batcher_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<LlamaJob> queue_;
  std::jthread thread_;  // last, so that it ends before what it uses
};

LlamaEngine::LlamaEngine(const LlamaConfig& config) : worker_(std::make_unique<Worker>(config)) {}

LlamaEngine::~LlamaEngine() = default;

void LlamaEngine::submit(Request request, Done done) {
  worker_->submit(std::move(request), std::move(done));
}

std::int64_t LlamaEngine::capacity() const {
  const std::int64_t parallel = worker_->config().parallel;
  return parallel == 1 ? 1 : parallel + std::max<std::int64_t>(1, parallel / 4);
}

std::string LlamaEngine::name() const {
  const LlamaConfig& config = worker_->config();
  return "llama:" + std::filesystem::path(config.model).filename().string() +
         (config.eight_bit_weights ? " as Q8_0" : "");
}

bool LlamaEngine::deterministic() const { return worker_->config().parallel == 1; }

const TokenCounter& LlamaEngine::tokens() const { return worker_->counter(); }

}  // namespace tpt::engine
