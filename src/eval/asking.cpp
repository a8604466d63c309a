#include "eval/asking.h"

#include "base/error.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace tpt::eval {

namespace {

using namespace std::chrono_literals;

// Shared with the engine's threads.
struct Desk {
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t in_flight = 0;
  std::int64_t answered = 0;
  std::int64_t failed = 0;
  std::int64_t generated_tokens = 0;
};

// Waits at the end of its life until every request that was taken has been answered.
class WaitForAll {
 public:
  explicit WaitForAll(Desk& desk) : desk_(desk) {}
  ~WaitForAll() {
    std::unique_lock lock(desk_.mutex);
    desk_.changed.wait(lock, [this] { return desk_.in_flight == 0; });
  }
  WaitForAll(const WaitForAll&) = delete;
  WaitForAll& operator=(const WaitForAll&) = delete;

 private:
  Desk& desk_;
};

engine::Request request_for(const Config& config, const tasks::Task& task, const Answer& answer) {
  engine::Request request;
  request.key = fmt::format("{}/{}", task.questions[answer.question].id, answer.sample);
  request.prompt = answer.prompt;
  request.chat = config.chat;
  request.answer_start = config.answer_start;
  request.sampling = {.temperature = config.temperature,
                      .top_p = config.top_p,
                      .max_tokens = config.max_tokens,
                      .seed = answer.seed,
                      .stop = config.stop};
  return request;
}

ProgressState state_of(const Desk& desk, const tasks::Task& task, std::size_t total,
                       double seconds) {
  ProgressState state{.stage = "eval " + task.name,
                      .done = static_cast<double>(desk.answered),
                      .total = static_cast<double>(total),
                      .unit = "answers"};
  const double rate = static_cast<double>(desk.generated_tokens) / std::max(seconds, 1e-3);
  state.facts.emplace_back("tokens/s", fmt::format("{:.0f}", rate));
  if (desk.failed > 0) {
    state.facts.emplace_back("failed", std::to_string(desk.failed));
  }
  return state;
}

}  // namespace

void ask_all(const Config& config, const tasks::Task& task, engine::Engine& engine,
             std::vector<Answer>& answers, Progress& progress, const std::stop_token& stop) {
  const auto started = std::chrono::steady_clock::now();
  const std::int64_t capacity = std::max<std::int64_t>(engine.capacity(), 1);
  Desk desk;
  const auto submit = [&](Answer& answer) {
    engine::Request request = request_for(config, task, answer);
    try {
      engine.submit(std::move(request), [&desk, &answer](engine::Response response) {
        const std::lock_guard lock(desk.mutex);
        --desk.in_flight;
        ++desk.answered;
        desk.failed += response.finish == Finish::error ? 1 : 0;
        desk.generated_tokens += response.generated_tokens;
        answer.response = std::move(response);
        desk.changed.notify_all();
      });
    } catch (...) {
      const std::lock_guard lock(desk.mutex);
      --desk.in_flight;
      throw;
    }
  };
  // Whatever is thrown below, the engine's threads hold references into this frame and `answers`.
  const WaitForAll wait(desk);
  std::size_t next = 0;
  std::unique_lock lock(desk.mutex);
  while (desk.in_flight > 0 || (next < answers.size() && !stop.stop_requested())) {
    if (next < answers.size() && desk.in_flight < capacity && !stop.stop_requested()) {
      ++desk.in_flight;
      lock.unlock();
      submit(answers[next++]);
      lock.lock();
      continue;
    }
    const std::int64_t before = desk.answered;
    desk.changed.wait_for(lock, 100ms, [&] { return desk.answered > before; });
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const ProgressState state = state_of(desk, task, answers.size(), seconds);
    lock.unlock();
    progress.report(state);
    lock.lock();
  }
  if (next < answers.size()) {
    throw Interrupted(
        fmt::format("stopped after {} of {} answers of {}; run the same command "
                    "again to ask them anew",
                    desk.answered, answers.size(), task.name));
  }
}

}  // namespace tpt::eval
