// A request on its way through a fleet, and its attempts at single endpoints.
#pragma once

#include "augment/fleet_forecast.h"
#include "engine/engine.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::augment {

struct Member;

// Lets one attempt at a time speak to the caller's `keep_going`, and none once the request is
// answered.
class Watch {
 public:
  explicit Watch(std::function<bool(std::string_view)> keep_going)
      : keep_going_(std::move(keep_going)) {}

  // What attempt number `attempt` is to ask: true while it is not its turn.
  bool ask(std::int64_t attempt, std::string_view text) {
    const std::scoped_lock lock(mutex_);
    return attempt != listened_to_ || keep_going_(text);
  }
  // From now on that attempt is listened to. Never waits.
  void listen_to(std::int64_t attempt) { listened_to_ = attempt; }
  // After it returns the caller's function is not called any more.
  void close() {
    const std::scoped_lock lock(mutex_);
    listened_to_ = kNobody;
  }

 private:
  static constexpr std::int64_t kNobody = -1;
  std::mutex mutex_;
  std::function<bool(std::string_view)> keep_going_;
  std::atomic<std::int64_t> listened_to_ = 0;
};

// One sending of a request to one endpoint.
struct Attempt {
  std::shared_ptr<Member> member;    // until it has come back
  engine::Engine* engine = nullptr;  // the member's
  std::int64_t number = 0;           // of its request, from 0
  double sent_seconds = 0;
  double predicted_tokens = 0;
  std::size_t place_in_member = 0;
  std::int64_t in_flight = 0;  // at its member when it was sent, with itself
  bool hedge = false;
  bool abandoned = false;  // the request has gone elsewhere; its answer is taken if it comes first
  std::int64_t known_prompt_tokens = 0;  // from another attempt's answer
  std::stop_source stop;
};

struct Flight {
  using OnCancel = std::stop_callback<std::function<void()>>;

  std::uint64_t id = 0;
  engine::Request request;  // never changes once it is in the fleet
  engine::Engine::Done done;
  double submitted_seconds = 0;
  double predicted_tokens = 0;

  std::vector<std::shared_ptr<Attempt>> live;  // attempts that have not come back
  bool settled = false;
  bool queued = false;
  engine::Failure ending = engine::Failure::none;  // why it is to end once its attempts are back
  std::string ending_error;
  std::int64_t attempts = 0;
  std::int64_t failures = 0;              // that count against it: broken, timed out
  std::int64_t moves = 0;                 // lost connections
  std::uint64_t avoid = 0;                // the endpoint that failed last
  std::vector<std::uint64_t> refused_by;  // endpoints whose refusal another one is to judge
  bool hedged = false;
  bool wants_hedge = false;
  std::uint64_t retry_serial = 0;

  // Of attempts that failed: what to give back if all do. `error.text` is the longest of them.
  engine::Response error;
  std::int64_t wasted_prompt_tokens = 0;
  std::int64_t wasted_generated_tokens = 0;

  std::shared_ptr<Watch> watch;  // none where the request has no keep_going
  std::optional<OnCancel> on_cancel;

  // The attempts that may still bring the answer.
  std::size_t hopeful() const;
  // Takes in a failed attempt: the longest text stays, the tokens of the others are waste.
  void keep_error(engine::Response response);
  void add_waste(const engine::Response& response);
};

// The copy of the request that is sent as this attempt.
engine::Request request_of(const Flight& flight, const Attempt& attempt);

}  // namespace tpt::augment
