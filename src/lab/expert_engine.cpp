#include "lab/expert_engine.h"

#include "lab/chain.h"
#include "lab/plain.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace tpt::lab {

using engine::Request;
using engine::Response;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::string_view kNothingToWorkOut = "no steps";

// The text up to the first of the stop strings.
std::string_view before_stop(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t end = text.size();
  for (const std::string& stop : stops) {
    if (!stop.empty()) {
      end = std::min(end, text.find(stop));
    }
  }
  return text.substr(0, end);
}

Response answer(const Request& request, const engine::TokenCounter& tokens) {
  Response response;
  response.prompt_tokens = tokens.count(request.prompt) + tokens.count(request.answer_start);
  const std::optional<std::string> thinking = expert_thinking(request.document, response.error);
  if (!thinking) {
    response.finish = Finish::error;
    return response;
  }
  std::string_view text = before_stop(*thinking, request.sampling.stop);
  if (tokens.count(text) > request.sampling.max_tokens) {
    text = text.substr(0, tokens.prefix_bytes(text, request.sampling.max_tokens));
    response.finish = Finish::length;
  }
  response.text = text;
  response.generated_tokens = tokens.count(text);
  return response;
}

}  // namespace

std::optional<std::string> expert_thinking(std::string_view document, std::string& why) {
  const std::size_t equals = document.find('=');
  if (equals == std::string_view::npos) {
    if (is_plain_sentence(document)) {
      return std::string(kNothingToWorkOut);
    }
    why = "the expert knows chains like 7-3*4+8=4. and plain sentences; this is neither";
    return std::nullopt;
  }
  const std::optional<Chain> chain = parse_expression(document.substr(0, equals));
  if (!chain) {
    why = "the expert knows chains of single digits with +, - and *; this is none";
    return std::nullopt;
  }
  const std::string expected = std::to_string(result(*chain)) + ".";
  if (document.substr(equals + 1) != expected) {
    why =
        "the chain does not end on the result the document states; it should end with =" + expected;
    return std::nullopt;
  }
  return working(*chain);
}

struct ExpertEngine::State {
  struct Job {
    Request request;
    Done done;
    Clock::time_point submitted;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  bool closing = false;
  engine::ByteCounter tokens;
  std::thread worker;

  // Answers one job after the other until the engine closes and none is left.
  void work() {
    for (;;) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return closing || !jobs.empty(); });
      if (jobs.empty()) {
        return;
      }
      Job job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      Response response = answer(job.request, tokens);
      response.seconds = std::chrono::duration<double>(Clock::now() - job.submitted).count();
      job.done(std::move(response));
    }
  }
};

ExpertEngine::ExpertEngine() : state_(std::make_unique<State>()) {
  state_->worker = std::thread([state = state_.get()] { state->work(); });
}

ExpertEngine::~ExpertEngine() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->changed.notify_one();
  state_->worker.join();
}

void ExpertEngine::submit(Request request, Done done) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back({std::move(request), std::move(done), Clock::now()});
  }
  state_->changed.notify_one();
}

const engine::TokenCounter& ExpertEngine::tokens() const { return state_->tokens; }

}  // namespace tpt::lab
