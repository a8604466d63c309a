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
// One process at a time: a second one is refused with Error(user). Survives kill -9 at any moment
// (WAL, full sync at each batch). Not to be shared by threads.
class Journal {
 public:
  // Opens or creates. Error(data) with what to do where the file is damaged.
  explicit Journal(const std::filesystem::path& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // The value stored under the key, if any.
  std::optional<std::string> find(std::string_view item, std::int64_t attempt,
                                  std::string_view request_hash);
  // Stored for certain after the next commit(); commits by itself after `kBatch` puts and where the
  // last commit is `kBatchSeconds` ago, so that slow work is stored item by item. The first value
  // of a key stays.
  void put(std::string_view item, std::int64_t attempt, std::string_view request_hash,
           std::string_view value);
  void commit();
  std::int64_t size();

  static constexpr std::int64_t kBatch = 256;
  static constexpr double kBatchSeconds = 1.0;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tpt::storage
