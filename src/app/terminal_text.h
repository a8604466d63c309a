// Text of unknown origin on a terminal: nothing in it can move the cursor, colour the screen or
// write a title, and its width is measured as the terminal draws it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::app {

// The text with everything that a terminal would obey made visible: control characters as U+2400
// pictures (an escape is shown as one sign), bytes that are not UTF-8 and the signs that turn the
// direction of writing as U+FFFD. Tabs become spaces; "\n" stays, "\r\n" becomes "\n".
std::string harmless(std::string_view text);

// Columns on a terminal: wide characters take two, combining ones none.
std::size_t columns_of(std::string_view harmless_text);

// Lines of at most `width` columns, cut at spaces where there are any. Takes harmless() text.
std::vector<std::string> wrapped(std::string_view harmless_text, std::size_t width);

// The beginning of a line that fits into `width` columns.
std::string fitted(std::string_view harmless_text, std::size_t width);

}  // namespace tpt::app
