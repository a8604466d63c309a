#include "report/chromium.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace tpt::report {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

std::string chromium() {
  for (const char* path :
       {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"}) {
    if (std::filesystem::exists(path)) {
      return path;
    }
  }
  return "";
}

Opened open_page(const std::filesystem::path& html, const std::vector<std::string>& more_flags) {
  const std::filesystem::path folder = html.parent_path();
  std::string command = fmt::format(
      "timeout 120 {} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage "
      "--hide-scrollbars --enable-logging=stderr --user-data-dir='{}' "
      "--virtual-time-budget=20000 {}",
      chromium(), (folder / "profile").string(), more_flags.empty() ? "--dump-dom" : "");
  for (const std::string& flag : more_flags) {
    command += " '" + flag + "'";
  }
  command += fmt::format(" 'file://{}' > '{}' 2> '{}'", html.string(), (folder / "dom").string(),
                         (folder / "log").string());
  Opened opened;
  opened.status = std::system(command.c_str());
  opened.dom = contents(folder / "dom");
  opened.log = contents(folder / "log");
  return opened;
}

}  // namespace tpt::report
