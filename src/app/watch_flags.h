// The flags of how a run that thinks is watched and what it leaves beside its rows: the same for
// every verb that can run one.
#pragma once

#include "app/command_line.h"
#include "app/steps.h"

namespace tpt::app {

// Watched, and with the build's name, from here on.
void add_watch_flags(CommandLine& line, AugmentOptions& options);

}  // namespace tpt::app
