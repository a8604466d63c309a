// Files of src/report/assets as part of the program, so that a report needs nothing beside it.
#pragma once

#include <span>
#include <string_view>

namespace tpt::report {

struct EmbeddedFile {
  std::string_view name;  // relative to src/report/assets
  std::string_view bytes;
};

// All of them; written by cmake/Embed.cmake.
std::span<const EmbeddedFile> embedded_files();

// The bytes of one; TPT_CHECKs that it is there.
std::string_view embedded(std::string_view name);

}  // namespace tpt::report
