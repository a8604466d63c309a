#include "app/inspect_rows.h"

#include "base/error.h"
#include "storage/parquet.h"

#include <algorithm>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// Going back a row must not read a part again.
constexpr std::size_t kWindowRows = 256;

bool has_parts(const fs::path& folder) {
  if (!fs::is_directory(folder)) return false;
  return std::any_of(fs::directory_iterator(folder), fs::directory_iterator(),
                     [](const auto& entry) {
                       return entry.is_regular_file() && entry.path().extension() == ".parquet";
                     });
}

std::vector<fs::path> shard_folders(const fs::path& folder) {
  std::vector<fs::path> shards;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && name.starts_with("shard-") &&
        name.find("-of-") != std::string::npos) {
      shards.push_back(entry.path());
    }
  }
  // "shard-10-of-12" comes behind "shard-9-of-12".
  std::sort(shards.begin(), shards.end(), [](const fs::path& a, const fs::path& b) {
    const std::string left = a.filename().string();
    const std::string right = b.filename().string();
    return left.size() != right.size() ? left.size() < right.size() : left < right;
  });
  return shards;
}

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool contains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return small(a) == small(b); }) != text.end();
}

}  // namespace

bool is_selected(const Selection& selection, const InspectedRow& row) {
  if (selection.which == Which::kept && row.rejected) return false;
  if (selection.which == Which::rejected && !row.rejected) return false;
  if (!selection.reason.empty() && row.reason != selection.reason) return false;
  if (!contains(row.row.document.id, selection.id)) return false;
  return selection.search.empty() || contains(row.row.document.text, selection.search) ||
         contains(row.row.trajectory.text, selection.search) ||
         contains(row.row.document.id, selection.search) || contains(row.detail, selection.search);
}

InspectedRows::InspectedRows(const fs::path& given) {
  if (!fs::exists(given)) user_error("{}: no such folder or file", given.string());
  if (fs::is_directory(given)) {
    std::vector<fs::path> folders = shard_folders(given);
    folders.insert(folders.begin(), given);
    for (const fs::path& folder : folders) {
      add_folder(given, folder, folder.filename() == "rejected");
      add_folder(given, folder / "kept", false);
      add_folder(given, folder / "rejected", true);
    }
  } else {
    parts_.push_back({.path = given,
                      .shown = given.filename().string(),
                      .rejected = given.parent_path().filename() == "rejected"});
  }
  if (parts_.empty()) {
    user_error(
        "{}: no rows in it; expected what tpt augment or tpt filter wrote: part-*.parquet, "
        "kept/ and rejected/, or shard-*-of-*",
        given.string());
  }
  for (Part& part : parts_) {
    part.first = size_;
    part.rows = storage::ParquetReader(part.path).rows();
    size_ += part.rows;
  }
}

void InspectedRows::add_folder(const fs::path& root, const fs::path& folder, bool rejected) {
  if (!has_parts(folder)) return;
  for (const fs::path& path : storage::parquet_parts(folder)) {
    parts_.push_back(
        {.path = path, .shown = fs::relative(path, root).string(), .rejected = rejected});
  }
}

void InspectedRows::open(const Part& part) {
  reader_ = std::make_unique<storage::AugmentedReader>(part.path);
  open_part_ = &part;
  next_ = part.first;
  window_.clear();
}

const InspectedRow& InspectedRows::at(std::int64_t index) {
  TPT_CHECK(index >= 0 && index < size_);
  const auto behind =
      std::upper_bound(parts_.begin(), parts_.end(), index,
                       [](std::int64_t wanted, const Part& part) { return wanted < part.first; });
  const Part& part = *std::prev(behind);
  const std::int64_t oldest = next_ - static_cast<std::int64_t>(window_.size());
  if (open_part_ != &part || index < oldest) open(part);
  while (next_ <= index) {
    InspectedRow row{.rejected = part.rejected, .file = part.shown};
    if (!reader_->next(row.row)) {
      data_error("{}: ends before its row {}", part.path.string(), next_ - part.first + 1);
    }
    row.reason = reader_->reason();
    row.detail = reader_->detail();
    row.rejected = row.rejected || !row.reason.empty();
    row.number = ++next_ - part.first;
    window_.push_back(std::move(row));
    if (window_.size() > kWindowRows) window_.pop_front();
  }
  return window_[window_.size() - static_cast<std::size_t>(next_ - index)];
}

std::optional<std::int64_t> InspectedRows::find(const Selection& selection, std::int64_t from,
                                                bool backwards) {
  if (!backwards) {
    for (std::int64_t index = std::max<std::int64_t>(from, 0); index < size_; ++index) {
      if (is_selected(selection, at(index))) return index;
    }
    return std::nullopt;
  }
  // Forwards through blocks of a window's size, because a part is read from its beginning.
  std::int64_t end = std::min(from, size_);
  while (end > 0) {
    const std::int64_t begin =
        std::max<std::int64_t>(0, end - static_cast<std::int64_t>(kWindowRows) / 2);
    std::optional<std::int64_t> last;
    for (std::int64_t index = begin; index < end; ++index) {
      if (is_selected(selection, at(index))) last = index;
    }
    if (last) return last;
    end = begin;
  }
  return std::nullopt;
}

}  // namespace tpt::app
