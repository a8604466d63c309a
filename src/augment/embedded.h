// The files of prompts/ as part of the program.
#pragma once

#include <span>
#include <string_view>

namespace tpt::augment {

struct EmbeddedFile {
  std::string_view name;  // relative to prompts/
  std::string_view bytes;
};

// All of them; written by cmake/Embed.cmake.
std::span<const EmbeddedFile> embedded_files();

}  // namespace tpt::augment
