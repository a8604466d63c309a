#include "engine/fake_engine.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tpt::engine {

namespace {

constexpr std::array kWords = {"the",   "context", "says", "that",  "first",  "we",    "note",
                               "why",   "this",    "is",   "so",    "then",   "a",     "proof",
                               "would", "need",    "more", "steps", "\u00e9", "\u2192"};

std::uint64_t hash_of(const Request& request) {
  Sha256 hash;
  for (const std::string* part : {&request.prompt, &request.document, &request.answer_start}) {
    hash.update(fmt::format("{}:", part->size())).update(*part);
  }
  const Sampling& sampling = request.sampling;
  hash.update(fmt::format("{} {} {} {}", sampling.temperature, sampling.top_p, sampling.top_k,
                          request.chat));
  return derive_seed(sampling.seed, hash.hex(), "fake engine");
}

// Ends the text before the first stop string, or at the cap on tokens (bytes).
void cut(Response& response, const Sampling& sampling) {
  response.finish = Finish::stop;
  for (const std::string& stop : sampling.stop) {
    const std::size_t at = stop.empty() ? std::string::npos : response.text.find(stop);
    if (at != std::string::npos) {
      response.text.resize(at);
    }
  }
  const std::size_t kept = ByteCounter().prefix_bytes(response.text, sampling.max_tokens);
  if (kept < response.text.size()) {
    response.text.resize(kept);
    response.finish = Finish::length;
  }
  response.generated_tokens = static_cast<std::int64_t>(response.text.size());
}

// Shows the text as it grows, a few bytes at a time; true where it is to end at `shown` bytes.
bool is_stopped(const Request& request, const std::string& text, std::size_t& shown) {
  constexpr std::size_t kBytesAtOnce = 64;
  while (request.keep_going && shown < text.size()) {
    shown = std::min(text.size(), shown + kBytesAtOnce);
    if (!request.keep_going(std::string_view(text).substr(0, shown))) return true;
  }
  return false;
}

// What an engine does that sees its text grow.
void watch(const Request& request, Response& response) {
  std::size_t shown = 0;
  if (request.cancel.stop_requested()) {
    response = {.finish = Finish::error, .error = request.key + ": cancelled"};
    response.failure = Failure::cancelled;
  } else if (response.finish != Finish::error && is_stopped(request, response.text, shown)) {
    response.text.resize(
        ByteCounter().prefix_bytes(response.text, static_cast<std::int64_t>(shown)));
    response.finish = Finish::loop;
    response.generated_tokens = static_cast<std::int64_t>(response.text.size());
  }
}

}  // namespace

Response fake_response(const Request& request, std::int64_t words) {
  Random random(hash_of(request));
  const std::uint64_t count = 1 + random.below(static_cast<std::uint64_t>(2 * words));
  Response response;
  for (std::uint64_t i = 0; i < count; ++i) {
    response.text += i == 0 ? "" : " ";
    response.text += kWords[random.below(kWords.size())];
  }
  response.text += ".";
  response.prompt_tokens =
      static_cast<std::int64_t>(request.prompt.size() + request.answer_start.size());
  cut(response, request.sampling);
  return response;
}

FakeEngine::FakeEngine(FakeConfig config) : config_(std::move(config)) {
  TPT_CHECK(config_.threads > 0 && config_.words > 0);
  for (std::int64_t i = 0; i < config_.threads; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(stop); });
  }
}

FakeEngine::~FakeEngine() {
  for (std::jthread& thread : threads_) {
    thread.request_stop();
  }
}

void FakeEngine::submit(Request request, Done done) {
  const std::scoped_lock lock(mutex_);
  const std::int64_t attempt = calls_by_key_[request.key]++;
  ++calls_;
  most_in_flight_ = std::max(most_in_flight_, ++in_flight_);
  queue_.push_back(
      {std::move(request), std::move(done), attempt, std::chrono::steady_clock::now()});
  changed_.notify_one();
}

void FakeEngine::work(std::stop_token stop) {
  while (true) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return !queue_.empty(); }) || stop.stop_requested()) {
      return;
    }
    const Job job = std::move(queue_.front());
    queue_.pop_front();
    if (config_.delay.count() > 0) {
      const auto longest = static_cast<std::uint64_t>(config_.delay.count());
      Random random(derive_seed(0, job.request.key, "fake delay"));
      changed_.wait_for(lock, stop, std::chrono::milliseconds(random.below(longest + 1)),
                        [] { return false; });
      if (stop.stop_requested()) {
        return;
      }
    }
    lock.unlock();
    Response response = answer(job);
    lock.lock();
    --in_flight_;
    lock.unlock();
    job.done(std::move(response));
  }
}

Response FakeEngine::answer(const Job& job) const {
  Response response;
  const bool unlucky =
      Random(derive_seed(0, job.request.key, "fake failure")).uniform() < config_.failure_share;
  if (unlucky && job.attempt < config_.failures_of_a_key) {
    response.finish = Finish::error;
    response.error = fmt::format("the fake engine was told to fail {} (attempt {})",
                                 job.request.key, job.attempt + 1);
  } else if (config_.answer) {
    response = config_.answer(job.request);
  } else {
    response = fake_response(job.request, config_.words);
  }
  watch(job.request, response);
  response.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - job.submitted).count();
  return response;
}

std::int64_t FakeEngine::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

std::map<std::string, std::int64_t> FakeEngine::calls_by_key() const {
  const std::scoped_lock lock(mutex_);
  return calls_by_key_;
}

std::int64_t FakeEngine::most_in_flight() const {
  const std::scoped_lock lock(mutex_);
  return most_in_flight_;
}

}  // namespace tpt::engine
