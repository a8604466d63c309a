#include "augment/fleet.h"

#include "augment/fleet_core.h"
#include "base/error.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace tpt::augment {

namespace {

void check_members(const FleetConfig& config, const std::vector<MemberSpec>& members,
                   const std::string& first, const std::string& model) {
  std::unordered_set<std::string> names;
  for (const MemberSpec& member : members) {
    TPT_CHECK(member.engine != nullptr && member.weight > 0, "{}", member.name);
    if (!names.insert(member.name).second) {
      user_error("endpoints: got {} twice, allowed: once", member.name);
    }
    if (const std::string other = member.engine->name();
        other != model && !config.allow_mixed_models) {
      user_error(
          "endpoints: {} serves {} and {} serves {}; allowed: one model for all, or "
          "--allow-mixed-models",
          first, model, member.name, other);
    }
  }
}

}  // namespace

// What the fleet says of itself, from the members as they are now.
struct Fleet::Face {
  std::string first;  // the member that gave the name
  std::string model;
  std::shared_ptr<engine::Engine> counter;  // kept: callers hold on to its tokens()
  std::atomic<bool> deterministic = true;
};

Fleet::Fleet(const FleetConfig& config, std::vector<MemberSpec> members,
             std::function<void(const FleetEvent&)> on_event, std::unique_ptr<FleetClock> clock)
    : config_(config), face_(std::make_unique<Face>()) {
  check(config);
  if (members.empty()) {
    user_error("endpoints: got none, allowed: one or more");
  }
  TPT_CHECK(members.front().engine != nullptr);
  face_->first = members.front().name;
  face_->model = members.front().engine->name();
  face_->counter = members.front().engine;
  check_members(config, members, face_->first, face_->model);
  core_ = std::make_shared<FleetCore>(config, std::move(on_event), std::move(clock));
  take_members(std::move(members), false);
  core_->start();
}

Fleet::~Fleet() {
  if (core_) {
    core_->close();
  }
}

void Fleet::submit(engine::Request request, Done done) {
  core_->submit(std::move(request), std::move(done));
}

std::int64_t Fleet::capacity() const { return core_->capacity(); }

std::string Fleet::name() const { return face_->model; }

bool Fleet::deterministic() const { return face_->deterministic; }

const engine::TokenCounter& Fleet::tokens() const { return face_->counter->tokens(); }

void Fleet::set_members(std::vector<MemberSpec> members) {
  check_members(config_, members, face_->first, face_->model);
  take_members(std::move(members), true);
}

void Fleet::take_members(std::vector<MemberSpec> members, bool announce) {
  const auto one_text = [&](const MemberSpec& member) {
    return member.engine->deterministic() && member.engine->name() == face_->model;
  };
  // Once an answer may have come from a member that is not, the whole is not.
  face_->deterministic =
      face_->deterministic && std::all_of(members.begin(), members.end(), one_text);
  core_->set_members(std::move(members), announce);
}

std::vector<EndpointStatus> Fleet::endpoints() const { return core_->endpoints(); }

}  // namespace tpt::augment
