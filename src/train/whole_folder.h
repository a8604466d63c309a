// A folder that is there whole or not at all.
#pragma once

#include <filesystem>
#include <functional>

namespace tpt::train {

// Calls `fill` with the path of an empty folder `path`.partial, makes what it wrote durable and
// renames it to `path`; one that stands there already is replaced. Killed at any moment it leaves
// the old folder, no folder, or the new one, and perhaps a .partial that the next call removes.
void write_whole_folder(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path&)>& fill);

}  // namespace tpt::train
