// The terminal on stderr, if there is one.
#pragma once

#include "app/status_view.h"

#include <string_view>

namespace tpt::app {

// True where lines can be drawn in place: a terminal, and TERM names one that can.
bool can_draw();
// False where NO_COLOR is set.
bool wants_colour();
ScreenSize screen_size();
// All of it in one call where the system takes it; false where stderr is gone.
bool write_terminal(std::string_view bytes);

}  // namespace tpt::app
