// The rows of a folder that augment or filter wrote, kept and rejected, by number.
#pragma once

#include "records/trajectory.h"
#include "storage/augmented_file.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tpt::app {

struct InspectedRow {
  AugmentedDocument row;
  bool rejected = false;
  std::string reason;
  std::string detail;
  std::string file;         // as found below the folder
  std::int64_t number = 0;  // in it, from 1
};

enum class Which { all, kept, rejected };

// What a person wants to see; empty fields ask for nothing.
struct Selection {
  Which which = Which::all;
  std::string reason;
  std::string id;      // a part of it
  std::string search;  // in document, thinking or id; without regard to capitals (ASCII)
};

bool is_selected(const Selection& selection, const InspectedRow& row);

// Not to be shared by threads. Holds one part's window of rows in memory.
class InspectedRows {
 public:
  // A folder of part-*.parquet (with rejected/ beside them or not), one with kept/ and rejected/,
  // one with shard-*-of-* of either kind, or a single file. Error(user) where there are no rows.
  explicit InspectedRows(const std::filesystem::path& folder_or_file);

  std::int64_t size() const { return size_; }
  // Row `index`, from 0; Error(data) for a damaged file.
  const InspectedRow& at(std::int64_t index);
  // The next selected row at or behind `from` (before it where `backwards`); nothing where none is.
  std::optional<std::int64_t> find(const Selection& selection, std::int64_t from,
                                   bool backwards = false);

 private:
  struct Part {
    std::filesystem::path path;
    std::string shown;
    bool rejected = false;
    std::int64_t first = 0;  // index of its first row
    std::int64_t rows = 0;
  };
  void add_folder(const std::filesystem::path& root, const std::string& folder, bool rejected);
  void open(const Part& part);

  std::vector<Part> parts_;
  std::int64_t size_ = 0;
  std::unique_ptr<storage::AugmentedReader> reader_;
  const Part* open_part_ = nullptr;
  std::int64_t next_ = 0;            // index that the reader gives next
  std::deque<InspectedRow> window_;  // the rows read last, up to next_
};

}  // namespace tpt::app
