// What the logic of a fleet costs a request: endpoints that answer when they are told to, and
// nothing else.
//
//   fleet_bench MEMBERS REQUESTS
#include "augment/fleet.h"
#include "base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace tpt;

constexpr std::size_t kPromptBytes = 1024;
constexpr std::int64_t kInFlightOfOne = 32;
constexpr std::int64_t kMostInFlight = 16384;

struct Waiting {
  engine::Request request;
  engine::Engine::Done done;
};

// What all members were given. The fleet's clock adds to it too.
class List {
 public:
  void add(Waiting one) {
    const std::scoped_lock lock(mutex_);
    all_.push_back(std::move(one));
  }
  Waiting take_any(Random& random) {
    const std::scoped_lock lock(mutex_);
    std::swap(all_[random.below(all_.size())], all_.back());
    Waiting one = std::move(all_.back());
    all_.pop_back();
    return one;
  }

 private:
  std::mutex mutex_;
  std::vector<Waiting> all_;
};

// Keeps what it is given.
class Endpoint : public engine::Engine {
 public:
  explicit Endpoint(List& waiting) : waiting_(waiting) {}
  void submit(engine::Request request, Done done) override {
    waiting_.add({std::move(request), std::move(done)});
  }
  std::int64_t capacity() const override { return kInFlightOfOne; }
  std::string name() const override { return "endpoint"; }
  bool deterministic() const override { return true; }
  const engine::TokenCounter& tokens() const override { return counter_; }

 private:
  List& waiting_;
  engine::ByteCounter counter_;
};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// CPU seconds until `requests` were answered in random order, `in_flight` at a time.
double drive(engine::Engine& engine, List& waiting, std::int64_t requests, std::int64_t in_flight) {
  Random random(1);
  std::int64_t asked = 0;
  std::int64_t answered = 0;
  const std::string prompt(kPromptBytes, 'p');
  const double start = cpu_seconds();
  while (answered < requests) {
    while (asked < requests && asked - answered < in_flight) {
      engine::Request request;
      request.key = std::to_string(asked++);
      request.prompt = prompt;
      engine.submit(std::move(request), [&](const engine::Response&) { ++answered; });
    }
    const Waiting next = waiting.take_any(random);
    engine::Response response;
    response.generated_tokens = static_cast<std::int64_t>(100 + random.below(1000));
    next.done(std::move(response));
  }
  return cpu_seconds() - start;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t members = argc > 1 ? std::stoll(argv[1]) : 100;
  const std::int64_t requests = argc > 2 ? std::stoll(argv[2]) : 200000;
  const std::int64_t in_flight = std::min(kMostInFlight, members * kInFlightOfOne * 5 / 4);
  List waiting;
  Endpoint alone(waiting);
  const double without = drive(alone, waiting, requests, in_flight);
  augment::FleetConfig config;
  config.most_in_flight = kInFlightOfOne;
  std::vector<augment::MemberSpec> specs;
  for (std::int64_t i = 0; i < members; ++i) {
    augment::MemberSpec spec;
    spec.name = fmt::format("http://gpu-{}:8000/v1", i);
    spec.engine = std::make_shared<Endpoint>(waiting);
    specs.push_back(std::move(spec));
  }
  augment::Fleet fleet(config, std::move(specs));
  const double with = drive(fleet, waiting, requests, in_flight);
  fmt::print("{} members, {} in flight: {:.2f} us a request ({:.2f} without the fleet)\n", members,
             in_flight, 1e6 * (with - without) / static_cast<double>(requests),
             1e6 * without / static_cast<double>(requests));
}
