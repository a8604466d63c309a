#include "app/endpoint_pulse.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace tpt::app {
namespace {

bool is_alive(engine::Failure failure) {
  switch (failure) {
    case engine::Failure::none:
    case engine::Failure::busy:
    // Some servers have no list of models, or keep it to themselves: requests will tell.
    case engine::Failure::refused:
    case engine::Failure::unauthorized:
      return true;
    default:
      return false;
  }
}

}  // namespace

augment::Probe probe_of(const std::shared_ptr<engine::HttpEngine>& engine, bool strict) {
  return [engine, strict](std::function<void(augment::Pulse, std::string)> tell) {
    // The engine must not live on in what it calls.
    engine->probe([model = engine->model(), endpoint = engine->endpoint(), strict,
                   tell = std::move(tell)](const engine::ModelListing& listing) {
      const auto& models = listing.models;
      const bool lists_it =
          models.empty() || std::any_of(models.begin(), models.end(),
                                        [&](const auto& listed) { return listed.id == model; });
      if (!is_alive(listing.failure)) {
        tell(augment::Pulse::silent, listing.error);
      } else if (strict && listing.failure == engine::Failure::none && !lists_it) {
        tell(augment::Pulse::foreign,
             fmt::format("{} serves {}, not {}", endpoint, listing.ids(), model));
      } else {
        tell(augment::Pulse::alive, "");
      }
    });
  };
}

}  // namespace tpt::app
