#include "augment/fleet_core.h"

#include "base/random.h"

#include <utility>

namespace tpt::augment {

namespace {

// An engine that left is held so long where another thread is in the midst of something.
constexpr double kFarewellSeconds = 0.01;

}  // namespace

FleetCore::FleetCore(const FleetConfig& config, std::function<void(const FleetEvent&)> on_event,
                     std::unique_ptr<FleetClock> clock)
    : config_(config),
      on_event_(std::move(on_event)),
      clock_(std::move(clock)),
      router_(derive_seed(config.seed, "", "fleet ties")),
      forecast_(config.hedge_quantile) {}

void FleetCore::start() {
  clock_->start([this] { return tick(); });
}

void FleetCore::close() {
  std::vector<std::stop_source> stops;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    for (const MemberPtr& member : members_) {
      for (const auto& [attempt, flight] : member->attempts) {
        stops.push_back(attempt->stop);
      }
    }
  }
  clock_->stop();
  for (std::stop_source& stop : stops) {
    stop.request_stop();
  }
  std::unordered_map<std::uint64_t, FlightPtr> flights;
  std::vector<MemberPtr> members;
  std::vector<std::pair<AttemptPtr, FlightPtr>> attempts;
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return performing_ == 0; });
    flights.swap(flights_);
    members.swap(members_);
    members.insert(members.end(), gone_.begin(), gone_.end());
    gone_.clear();
    by_place_.clear();
    members_by_id_.clear();
    urgent_.clear();
    fresh_.clear();
    stragglers_.clear();
    // They name their members, and these their engines, which hold callbacks that name this.
    for (const MemberPtr& member : members) {
      for (auto& entry : member->attempts) {
        entry.first->member.reset();
        attempts.push_back(std::move(entry));
      }
      member->attempts.clear();
    }
  }
  for (const auto& [id, flight] : flights) {
    if (flight->watch) {
      flight->watch->close();
    }
  }
}

template <typename Change>
void FleetCore::enter(Change change) {
  Effects effects;
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) {
      return;
    }
    now_seconds_ = clock_->now_seconds();
    change(effects);
    if (timers_.next_seconds() < wake_seconds_) {
      wake_seconds_ = timers_.next_seconds();
      effects.wake_seconds = wake_seconds_;
    }
    ++performing_;
  }
  perform(std::move(effects));
}

void FleetCore::perform(Effects effects) {
  if (effects.wake_seconds < kNever) {
    clock_->wake_at(effects.wake_seconds);
  }
  for (std::stop_source& stop : effects.stops) {
    stop.request_stop();
  }
  for (const auto& [flight, attempt] : effects.sends) {
    attempt->engine->submit(request_of(*flight, *attempt), [core = shared_from_this(), flight,
                                                            attempt](engine::Response response) {
      core->answered(flight, attempt, std::move(response));
    });
  }
  for (auto& [flight, response] : effects.answers) {
    // First, because nothing may be asked of the caller once he has his answer.
    flight->on_cancel.reset();
    if (flight->watch) {
      flight->watch->close();
    }
    const engine::Engine::Done done = std::move(flight->done);
    done(std::move(response));
  }
  for (const Probing& probing : effects.probes) {
    probing.probe(
        [core = shared_from_this(), id = probing.member_id, serial = probing.serial](
            Pulse pulse, const std::string& why) { core->probed(id, serial, pulse, why); });
  }
  for (const FleetEvent& event : effects.events) {
    on_event_(event);
  }
  // Nothing of an engine is held any more once this is counted as done.
  effects = {};
  const std::scoped_lock lock(mutex_);
  if (--performing_ == 0) {
    idle_.notify_all();
  }
}

double FleetCore::tick() {
  std::vector<MemberPtr> gone;
  Effects effects;
  double next = kNever;
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) {
      return kNever;
    }
    now_seconds_ = clock_->now_seconds();
    while (timers_.next_seconds() <= now_seconds_) {
      fire(timers_.take(), effects);
    }
    pump(effects);
    if (performing_ == 0) {
      gone.swap(gone_);
    } else if (!gone_.empty()) {
      timers_.add({now_seconds_ + kFarewellSeconds, TimerKind::farewell});
    }
    next = timers_.next_seconds();
    wake_seconds_ = next;
    ++performing_;
  }
  perform(std::move(effects));
  return next;
}

void FleetCore::submit(engine::Request request, engine::Engine::Done done) {
  const auto flight = std::make_shared<Flight>();
  flight->request = std::move(request);
  flight->done = std::move(done);
  if (flight->request.keep_going) {
    flight->watch = std::make_shared<Watch>(std::move(flight->request.keep_going));
    flight->request.keep_going = nullptr;
  }
  flight->id = next_id_++;
  if (flight->request.cancel.stop_possible()) {
    // Before the request is in the fleet: a stop that comes in between is seen below.
    flight->on_cancel.emplace(flight->request.cancel, [weak = weak_from_this(), id = flight->id] {
      if (const auto core = weak.lock()) {
        core->cancelled_by_caller(id);
      }
    });
  }
  enter([&](Effects& effects) {
    flight->submitted_seconds = now_seconds_;
    flight->predicted_tokens = forecast_.predicted_tokens(flight->request);
    predicted_tokens_ +=
        (requests_ == 0 ? 1 : 0.01) * (flight->predicted_tokens - predicted_tokens_);
    flights_.emplace(flight->id, flight);
    ++requests_;
    if (!upkeep_running_) {
      upkeep_running_ = true;
      last_well_seconds_ = now_seconds_;
      timers_.add({now_seconds_ + 1, TimerKind::upkeep});
    }
    if (flight->request.cancel.stop_requested()) {
      end(flight, engine::Failure::cancelled, "the request was cancelled", effects);
      return;
    }
    gave_up_ = gave_up_ && router_.best() == Router::kNone;
    if (gave_up_) {
      end(flight, gave_up_failure_, gave_up_error_, effects);
      return;
    }
    if (config_.deadline_seconds > 0) {
      timers_.add({now_seconds_ + config_.deadline_seconds, TimerKind::deadline, flight->id});
    }
    queue(flight);
    pump(effects);
  });
}

void FleetCore::answered(const FlightPtr& flight, const AttemptPtr& attempt,
                         engine::Response response) {
  enter([&](Effects& effects) {
    take_answer(flight, *attempt, response, effects);
    pump(effects);
  });
}

void FleetCore::cancelled_by_caller(std::uint64_t flight_id) {
  enter([&](Effects& effects) {
    if (const FlightPtr flight = flight_of(flight_id)) {
      end(flight, engine::Failure::cancelled, "the request was cancelled", effects);
      pump(effects);
    }
  });
}

void FleetCore::set_members(std::vector<MemberSpec> specs, bool announce) {
  enter([&](Effects& effects) {
    std::unordered_map<std::string, MemberPtr> present;
    for (const MemberPtr& member : members_) {
      present.emplace(member->spec.name, member);
      member->leaving = true;
    }
    for (MemberSpec& spec : specs) {
      const auto found = present.find(spec.name);
      if (found == present.end()) {
        join(std::move(spec), announce, effects);
        continue;
      }
      found->second->leaving = false;
      found->second->take_settings(spec, config_);
    }
    for (const auto& [name, member] : present) {
      refresh(member);
      depart_if_done(member, effects);
    }
    pump(effects);
  });
}

void FleetCore::probed(std::uint64_t member_id, std::uint64_t serial, Pulse pulse,
                       const std::string& why) {
  enter([&](Effects& effects) {
    const MemberPtr member = member_of(member_id);
    if (member && member->probing && serial == member->probe_serial) {
      take_probe(member, pulse, why, effects);
      pump(effects);
    }
  });
}

std::vector<EndpointStatus> FleetCore::endpoints() const {
  const std::scoped_lock lock(mutex_);
  std::vector<EndpointStatus> all = departed_;
  const double now_seconds = clock_->now_seconds();
  for (const MemberPtr& member : members_) {
    all.push_back(member->status(now_seconds));
  }
  return all;
}

}  // namespace tpt::augment
