// A fleet in virtual time: servers of which every fault is at the test's command, and a clock that
// jumps from one event to the next.
#pragma once

#include "augment/fleet.h"
#include "engine/engine.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::augment {

// Time, and what happens in it. One thread.
class World {
 public:
  double now_seconds() const { return now_seconds_; }
  void at(double seconds, std::function<void()> event);
  void after(double seconds, std::function<void()> event) {
    at(now_seconds_ + seconds, std::move(event));
  }
  // Runs what happens until then.
  void run_until(double seconds);
  // The same until `ready`, but not longer than `seconds` from now; gives `ready()`.
  bool run_until(const std::function<bool()>& ready, double seconds);

 private:
  bool step(double until_seconds);
  double now_seconds_ = 0;
  std::multimap<double, std::function<void()>> events_;
};

// Time of a World for a fleet.
std::unique_ptr<FleetClock> virtual_clock(World& world);

enum class Mode {
  serving,
  refusing_connections,
  hanging,  // takes requests and does not answer
  busy,
  broken,
  timing_out,
  refusing,
  too_small,  // for any request
  foreign,    // serves another model
  unauthorized
};

struct ServerConfig {
  std::string model = "model-a";
  std::int64_t slots = 1 << 20;    // answers written at once; others wait inside the server
  double tokens_per_second = 100;  // of each answer
  // The same where it depends on how many are written at once, as it begins.
  std::function<double(std::int64_t)> speed_at;
  std::int64_t tokens = 100;  // of an answer, where `length` says nothing
  std::function<std::int64_t(const engine::Request&)> length;
  std::int64_t most_accepted = 1 << 20;  // further requests are told to come back: busy
  double retry_after_seconds = -1;       // said with busy
  double fault_seconds = 0.01;           // until a fault is answered
  double hang_seconds = 1e9;             // until a request without an answer is timed out
  bool heeds_cancel = true;
};

// An engine that does what its mode says. Cancelled answers come back at once with the text so far.
class Server : public engine::Engine {
 public:
  Server(World& world, ServerConfig config) : world_(world), config_(std::move(config)) {}

  void submit(engine::Request request, Done done) override;
  std::int64_t capacity() const override { return 16; }
  std::string name() const override { return config_.model; }
  bool deterministic() const override { return true; }
  const engine::TokenCounter& tokens() const override { return counter_; }

  void set_mode(Mode mode) { mode_ = mode; }
  // The process dies: what is in flight is lost, at once or, with `silently`, without a word.
  void die(bool silently = false);
  ServerConfig& config() { return config_; }
  // What MemberSpec::probe asks; it fails unless the mode lets requests in, or refuses them one by
  // one; it says so of one that serves another model.
  Probe probe();

  std::int64_t received() const { return received_; }
  std::int64_t answered() const { return answered_; }
  std::int64_t cancelled() const { return cancelled_; }
  std::int64_t probes() const { return probes_; }
  std::int64_t written_tokens() const { return written_tokens_; }
  std::int64_t most_in_flight() const { return most_in_flight_; }
  std::int64_t in_flight() const { return static_cast<std::int64_t>(work_.size()); }
  const std::vector<double>& arrivals() const { return arrivals_; }

 private:
  struct Work {
    engine::Request request;
    Done done;
    std::int64_t tokens = 0;
    double started_seconds = -1;  // -1: waits for a slot
    std::unique_ptr<std::stop_callback<std::function<void()>>> on_cancel;
  };

  void serve_waiting();
  void time_out(std::int64_t id);
  void finish(std::int64_t id, engine::Response response);
  engine::Response failed(engine::Failure failure, const std::string& error) const;
  void cancel(std::int64_t id);

  World& world_;
  ServerConfig config_;
  engine::ByteCounter counter_;
  Mode mode_ = Mode::serving;
  std::int64_t next_id_ = 0;
  std::int64_t running_ = 0;
  std::map<std::int64_t, Work> work_;
  std::int64_t received_ = 0;
  std::int64_t answered_ = 0;
  std::int64_t cancelled_ = 0;
  std::int64_t probes_ = 0;
  std::int64_t written_tokens_ = 0;
  std::int64_t most_in_flight_ = 0;
  std::vector<double> arrivals_;
};

// What came back for each request, and how often.
class Inbox {
 public:
  engine::Engine::Done expect(const std::string& key);
  std::int64_t size() const { return static_cast<std::int64_t>(order_.size()); }
  std::int64_t successes() const;
  const engine::Response& operator[](const std::string& key) const { return responses_.at(key); }
  bool has(const std::string& key) const { return responses_.contains(key); }
  const std::map<std::string, engine::Response>& all() const { return responses_; }
  bool doubled() const { return doubled_; }

 private:
  std::map<std::string, engine::Response> responses_;
  std::vector<std::string> order_;
  bool doubled_ = false;
};

// Servers called "a", "b", ... and a fleet over them.
class Simulation {
 public:
  explicit Simulation(FleetConfig config = {}) : config_(config) {}

  Server& add(ServerConfig server = {}, bool with_probe = false);
  Server& server(std::size_t index) { return *servers_.at(index); }
  MemberSpec member(std::size_t index) const;
  std::vector<MemberSpec> members() const;
  // Made at the first call, of the servers that were added until then.
  Fleet& fleet();
  // Ends the fleet, as at the end of a run.
  void end() { fleet_.reset(); }
  void ask(const std::string& key, engine::Request request = {});
  void ask_many(const std::string& prefix, std::int64_t count);
  // Keeps `in_flight` requests in the fleet until `count` were asked.
  void keep_asking(const std::string& prefix, std::int64_t count,
                   std::function<std::int64_t()> in_flight);
  bool run_until_all_answered(double seconds);
  EndpointStatus status(const std::string& name);

  FleetConfig& config() { return config_; }
  World world;
  Inbox inbox;
  std::vector<FleetEvent> events;

 private:
  FleetConfig config_;
  std::vector<std::shared_ptr<Server>> servers_;
  std::vector<bool> with_probe_;
  std::int64_t asked_ = 0;
  std::unique_ptr<Fleet> fleet_;
};

}  // namespace tpt::augment
