// Where a run keeps its steps: one folder each, so that every step can be looked at, replaced by
// another tool's output, or removed to be done again.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace tpt::app {

struct Workspace {
  std::filesystem::path root;

  std::filesystem::path lab() const { return root / "lab"; }
  std::filesystem::path augmented() const { return root / "augmented"; }
  std::filesystem::path filtered() const { return root / "filtered"; }
  std::filesystem::path kept() const { return filtered() / "kept"; }
  std::filesystem::path rejected() const { return filtered() / "rejected"; }
  std::filesystem::path shards(const std::string& arm) const { return root / "shards" / arm; }
  std::filesystem::path run(const std::string& arm, std::int64_t seed) const {
    return root / "runs" / fmt::format("{}-seed{}", arm, seed);
  }
  std::filesystem::path record() const { return root / "recipe.json"; }  // options as resolved
  std::filesystem::path result() const { return root / "result.json"; }  // what the steps counted
};

}  // namespace tpt::app
