// Opens a page in a real browser without a window.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tpt::report {

// The program's path; "" where there is none.
std::string chromium();

struct Opened {
  std::string dom;  // of the page after its scripts have run
  std::string log;  // the browser's own words, console messages among them
  int status = -1;
};

Opened open_page(const std::filesystem::path& html,
                 const std::vector<std::string>& more_flags = {});

}  // namespace tpt::report
