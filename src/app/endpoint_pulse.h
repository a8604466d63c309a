// How an endpoint of a fleet is, by the list of models that it gives.
#pragma once

#include "augment/fleet.h"
#include "engine/http_engine.h"

#include <memory>

namespace tpt::app {

// `strict`: the engine's model is one that a list named; an endpoint whose list lacks it is
// foreign. Where the user names a model a server may take it under a name that it does not list.
augment::Probe probe_of(const std::shared_ptr<engine::HttpEngine>& engine, bool strict);

}  // namespace tpt::app
