// Finished items of a long step, in SQLite: what stands here is never done, or paid for, again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tpt::storage {

// Keys are (item, attempt, request hash): change anything about a request and it is another entry.
// One process at a time: a second one is refused with Error(user). Survives kill -9 and power cuts
// at any moment (WAL, full sync at each commit). Not to be shared by threads.
//
// Entries are only ever added at the end of their tables, so that putting one costs the same
// however many there are; where a key stands is kept in memory, 8 to 16 bytes a key.
class Journal {
 public:
  // Opens or creates. Error(data) with what to do where the file is damaged; Error(user) where it
  // has the layout of an earlier version.
  explicit Journal(const std::filesystem::path& path);
  // Commits, where that is possible.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // The value put last under the key, if any. One whose bytes are damaged is warned of by name,
  // counts as not there, and can be put again.
  std::optional<std::string> find(std::string_view item, std::int64_t attempt,
                                  std::string_view request_hash);
  // Stored for certain after the next commit().
  void put(std::string_view item, std::int64_t attempt, std::string_view request_hash,
           std::string_view value);
  void commit();

  // Values put since the last commit.
  std::int64_t uncommitted() const;
  // Keys in it, uncommitted ones too.
  std::int64_t size() const;
  // Values that find() met damaged.
  std::int64_t damaged() const;
  // Entries that an earlier process had committed and that were gone when this one opened the
  // journal: it was put back from an older copy, or its write-ahead log was cut or damaged.
  std::int64_t lost() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tpt::storage
