#include "augment/fleet_simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tpt::augment {

namespace {

using engine::Failure;

// Shared with events that outlive the fleet.
struct ClockState {
  FleetClock::Tick tick;
  double wake_seconds = kNever;
};

class VirtualClock : public FleetClock {
 public:
  explicit VirtualClock(World& world) : world_(world) {}
  ~VirtualClock() override { stop(); }
  double now_seconds() const override { return world_.now_seconds(); }
  void start(Tick tick) override { state_->tick = std::move(tick); }
  void wake_at(double seconds) override { plan(world_, state_, seconds); }
  void stop() override { state_->tick = nullptr; }

 private:
  static void plan(World& world, const std::shared_ptr<ClockState>& state, double seconds) {
    if (seconds >= state->wake_seconds) {
      return;
    }
    state->wake_seconds = seconds;
    world.at(seconds, [&world, state] {
      if (!state->tick || state->wake_seconds > world.now_seconds()) {
        return;
      }
      state->wake_seconds = kNever;
      plan(world, state, state->tick());
    });
  }

  World& world_;
  std::shared_ptr<ClockState> state_ = std::make_shared<ClockState>();
};

}  // namespace

void World::at(double seconds, std::function<void()> event) {
  events_.emplace(std::max(seconds, now_seconds_), std::move(event));
}

bool World::step(double until_seconds) {
  if (events_.empty() || events_.begin()->first > until_seconds) {
    now_seconds_ = std::max(now_seconds_, until_seconds);
    return false;
  }
  auto next = events_.extract(events_.begin());
  now_seconds_ = std::max(now_seconds_, next.key());
  next.mapped()();
  return true;
}

void World::run_until(double seconds) {
  while (step(seconds)) {
  }
}

bool World::run_until(const std::function<bool()>& ready, double seconds) {
  const double until = now_seconds_ + seconds;
  while (!ready() && step(until)) {
  }
  return ready();
}

std::unique_ptr<FleetClock> virtual_clock(World& world) {
  return std::make_unique<VirtualClock>(world);
}

engine::Response Server::failed(Failure failure, const std::string& error) const {
  engine::Response response;
  response.finish = Finish::error;
  response.failure = failure;
  response.error = error;
  if (failure == Failure::busy) {
    response.retry_after_seconds = config_.retry_after_seconds;
  }
  return response;
}

void Server::submit(engine::Request request, Done done) {
  ++received_;
  arrivals_.push_back(world_.now_seconds());
  const std::int64_t id = next_id_++;
  Work& work = work_[id];
  work.tokens = config_.length ? config_.length(request) : config_.tokens;
  work.request = std::move(request);
  work.done = std::move(done);
  most_in_flight_ = std::max(most_in_flight_, in_flight());
  const auto fail = [&](Failure failure, const char* error) {
    world_.after(config_.fault_seconds,
                 [this, id, failure, error] { finish(id, failed(failure, error)); });
  };
  if (config_.heeds_cancel) {
    work.on_cancel = std::make_unique<std::stop_callback<std::function<void()>>>(
        work.request.cancel, [this, id] { world_.after(0, [this, id] { cancel(id); }); });
  }
  switch (mode_) {
    case Mode::serving:
      if (in_flight() > config_.most_accepted) {
        fail(Failure::busy, "429 too many requests");
        work.started_seconds = -2;
        return;
      }
      serve_waiting();
      return;
    case Mode::refusing_connections:
      work.started_seconds = -2;
      return fail(Failure::unreachable, "connection refused");
    case Mode::hanging:
      work.started_seconds = -2;
      time_out(id);
      return;
    case Mode::busy:
      work.started_seconds = -2;
      return fail(Failure::busy, "429 too many requests");
    case Mode::broken:
      work.started_seconds = -2;
      return fail(Failure::broken, "500 internal error");
    case Mode::timing_out:
      work.started_seconds = -2;
      return fail(Failure::timed_out, "silent for too long");
    case Mode::refusing:
      work.started_seconds = -2;
      return fail(Failure::refused, "404 not found");
    case Mode::too_small:
      work.started_seconds = -2;
      return fail(Failure::too_long, "400 longer than the context");
    case Mode::foreign:
      work.started_seconds = -2;
      return fail(Failure::refused, "404 no such model");
    case Mode::unauthorized:
      work.started_seconds = -2;
      return fail(Failure::unauthorized, "401 wrong key");
  }
}

void Server::time_out(std::int64_t id) {
  world_.after(config_.hang_seconds,
               [this, id] { finish(id, failed(Failure::timed_out, "silent for too long")); });
}

void Server::serve_waiting() {
  for (auto& [id, work] : work_) {
    if (running_ >= config_.slots) {
      return;
    }
    if (work.started_seconds != -1) {
      continue;
    }
    ++running_;
    work.started_seconds = world_.now_seconds();
    const double speed = config_.speed_at ? config_.speed_at(running_) : config_.tokens_per_second;
    world_.after(static_cast<double>(work.tokens) / speed, [this, id = id, tokens = work.tokens] {
      if (!work_.contains(id)) {
        return;
      }
      engine::Response response;
      response.text = std::string(static_cast<std::size_t>(tokens), 'x');
      response.prompt_tokens = static_cast<std::int64_t>(work_.at(id).request.prompt.size());
      response.generated_tokens = tokens;
      ++answered_;
      written_tokens_ += tokens;
      finish(id, std::move(response));
    });
  }
}

void Server::finish(std::int64_t id, engine::Response response) {
  const auto found = work_.find(id);
  if (found == work_.end()) {
    return;
  }
  running_ -= found->second.started_seconds >= 0 ? 1 : 0;
  // Destroyed after the call, as engines do.
  const Work work = std::move(found->second);
  work_.erase(found);
  serve_waiting();
  work.done(std::move(response));
}

void Server::cancel(std::int64_t id) {
  const auto found = work_.find(id);
  if (found == work_.end()) {
    return;
  }
  ++cancelled_;
  engine::Response response = failed(Failure::cancelled, "cancelled");
  if (found->second.started_seconds >= 0) {
    const double seconds = world_.now_seconds() - found->second.started_seconds;
    const auto tokens = static_cast<std::int64_t>(seconds * config_.tokens_per_second);
    response.text = std::string(static_cast<std::size_t>(tokens), 'x');
    response.generated_tokens = tokens;
    response.prompt_tokens = static_cast<std::int64_t>(found->second.request.prompt.size());
    written_tokens_ += tokens;
  }
  finish(id, std::move(response));
}

void Server::die(bool silently) {
  mode_ = silently ? Mode::hanging : Mode::refusing_connections;
  std::vector<std::int64_t> lost;
  for (auto& [id, work] : work_) {
    lost.push_back(id);
    if (silently && work.started_seconds >= 0) {
      --running_;
    }
  }
  if (!silently) {
    for (const std::int64_t id : lost) {
      world_.after(0.001,
                   [this, id] { finish(id, failed(Failure::unreachable, "reset by peer")); });
    }
    return;
  }
  // Their ends, which are planned, find other numbers.
  std::map<std::int64_t, Work> silent;
  for (auto& [id, work] : work_) {
    work.on_cancel.reset();
    work.started_seconds = -2;
    const std::int64_t other = next_id_++;
    silent[other] = std::move(work);
    time_out(other);
    silent[other].on_cancel = std::make_unique<std::stop_callback<std::function<void()>>>(
        silent[other].request.cancel,
        [this, other] { world_.after(0, [this, other] { cancel(other); }); });
  }
  work_ = std::move(silent);
}

Probe Server::probe() {
  return [this](std::function<void(Pulse, std::string)> tell) {
    ++probes_;
    if (mode_ == Mode::hanging) {
      return;
    }
    const auto [pulse, why] =
        mode_ == Mode::refusing_connections ? std::pair{Pulse::silent, "connection refused"}
        : mode_ == Mode::foreign            ? std::pair{Pulse::foreign, "serves another model"}
                                            : std::pair{Pulse::alive, ""};
    world_.after(0.005, [tell = std::move(tell), pulse, why] { tell(pulse, why); });
  };
}

engine::Engine::Done Inbox::expect(const std::string& key) {
  return [this, key](engine::Response response) {
    order_.push_back(key);
    doubled_ = !responses_.emplace(key, std::move(response)).second || doubled_;
  };
}

std::int64_t Inbox::successes() const {
  return std::count_if(responses_.begin(), responses_.end(),
                       [](const auto& entry) { return entry.second.finish != Finish::error; });
}

Server& Simulation::add(ServerConfig server, bool with_probe) {
  servers_.push_back(std::make_shared<Server>(world, std::move(server)));
  with_probe_.push_back(with_probe);
  return *servers_.back();
}

MemberSpec Simulation::member(std::size_t index) const {
  MemberSpec spec;
  spec.name =
      index < 26 ? std::string(1, static_cast<char>('a' + index)) : fmt::format("m{}", index);
  spec.engine = servers_.at(index);
  if (with_probe_.at(index)) {
    spec.probe = servers_.at(index)->probe();
  }
  return spec;
}

std::vector<MemberSpec> Simulation::members() const {
  std::vector<MemberSpec> all;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    all.push_back(member(i));
  }
  return all;
}

Fleet& Simulation::fleet() {
  if (!fleet_) {
    fleet_ = std::make_unique<Fleet>(
        config_, members(), [this](const FleetEvent& event) { events.push_back(event); },
        virtual_clock(world));
  }
  return *fleet_;
}

void Simulation::ask(const std::string& key, engine::Request request) {
  ++asked_;
  request.key = key;
  if (request.prompt.empty()) {
    request.prompt = std::string(10, 'p');
  }
  fleet().submit(std::move(request), inbox.expect(key));
}

void Simulation::ask_many(const std::string& prefix, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    ask(fmt::format("{}-{}", prefix, i));
  }
}

void Simulation::keep_asking(const std::string& prefix, std::int64_t count,
                             std::function<std::int64_t()> in_flight) {
  std::int64_t asked = 0;
  while (asked < count) {
    while (asked < count && asked_ - inbox.size() < in_flight()) {
      ask(fmt::format("{}-{}", prefix, asked++));
    }
    const std::int64_t before = inbox.size();
    if (!world.run_until([&] { return inbox.size() > before; }, 3600)) {
      return;
    }
  }
}

bool Simulation::run_until_all_answered(double seconds) {
  return world.run_until([this] { return inbox.size() >= asked_; }, seconds);
}

EndpointStatus Simulation::status(const std::string& name) {
  for (const EndpointStatus& status : fleet().endpoints()) {
    if (status.name == name) {
      return status;
    }
  }
  return {};
}

}  // namespace tpt::augment
