#include "storage/journal.h"

#include "base/error.h"

#include <sqlite3.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <unistd.h>

namespace tpt::storage {
namespace {

using Clock = std::chrono::steady_clock;

// A lock on a file beside the journal; the kernel drops it with the process, however that ends.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path) {
    descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) io_error("cannot open {}: {}", path.string(), std::strerror(errno));
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      user_error("{} is in use: another process works on this folder", path.string());
    }
  }
  ~FileLock() { close(descriptor_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace

struct Journal::State {
  State(const std::filesystem::path& journal)
      : path(journal.string()), lock(journal.string() + ".lock") {}
  ~State() {
    sqlite3_finalize(find);
    sqlite3_finalize(put);
    sqlite3_close(database);
  }

  [[noreturn]] void fail(int code) const {
    const std::string problem = database != nullptr ? sqlite3_errmsg(database) : "out of memory";
    switch (code & 0xff) {
      case SQLITE_CORRUPT:
      case SQLITE_NOTADB:
        data_error(
            "{}: the journal is damaged ({}): restore it from a copy, or remove it to start "
            "over",
            path, problem);
      default:
        io_error("{}: {}", path, problem);
    }
  }

  void check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) fail(code);
  }

  void run(const char* sql) { check(sqlite3_exec(database, sql, nullptr, nullptr, nullptr)); }

  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr));
    return statement;
  }

  // A view of nothing may have no address, which SQLite would take for null.
  static const char* address(std::string_view bytes) { return bytes.empty() ? "" : bytes.data(); }

  void bind_key(sqlite3_stmt* statement, std::string_view item, std::int64_t attempt,
                std::string_view request_hash) const {
    check(sqlite3_reset(statement));
    check(
        sqlite3_bind_text64(statement, 1, address(item), item.size(), SQLITE_STATIC, SQLITE_UTF8));
    check(sqlite3_bind_int64(statement, 2, attempt));
    check(sqlite3_bind_text64(statement, 3, address(request_hash), request_hash.size(),
                              SQLITE_STATIC, SQLITE_UTF8));
  }

  std::string path;
  FileLock lock;
  sqlite3* database = nullptr;
  sqlite3_stmt* find = nullptr;
  sqlite3_stmt* put = nullptr;
  std::int64_t uncommitted = 0;
  Clock::time_point last_commit;
};

Journal::Journal(const std::filesystem::path& path) {
  if (!path.parent_path().empty()) std::filesystem::create_directories(path.parent_path());
  state_ = std::make_unique<State>(path);
  State& state = *state_;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  state.check(sqlite3_open_v2(path.c_str(), &state.database, flags, nullptr));
  state.run("PRAGMA journal_mode=WAL");
  state.run("PRAGMA synchronous=FULL");
  state.run(
      "CREATE TABLE IF NOT EXISTS finished (item BLOB NOT NULL, attempt INTEGER NOT NULL, "
      "request_hash BLOB NOT NULL, value BLOB NOT NULL, "
      "PRIMARY KEY (item, attempt, request_hash)) WITHOUT ROWID");
  state.find = state.prepare(
      "SELECT value FROM finished WHERE item = ? AND attempt = ? AND request_hash = ?");
  state.put = state.prepare("INSERT INTO finished VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
}

Journal::~Journal() {
  if (state_->uncommitted == 0) return;
  try {
    commit();
  } catch (const std::exception&) {
    // A destructor cannot report it; what was not committed is done again by the next run.
  }
}

std::optional<std::string> Journal::find(std::string_view item, std::int64_t attempt,
                                         std::string_view request_hash) {
  State& state = *state_;
  state.bind_key(state.find, item, attempt, request_hash);
  const int code = sqlite3_step(state.find);
  state.check(code);
  std::optional<std::string> value;
  if (code == SQLITE_ROW) {
    const auto bytes = static_cast<std::size_t>(sqlite3_column_bytes(state.find, 0));
    const void* data = sqlite3_column_blob(state.find, 0);
    value.emplace(bytes == 0 ? "" : static_cast<const char*>(data), bytes);
  }
  state.check(sqlite3_reset(state.find));
  return value;
}

void Journal::put(std::string_view item, std::int64_t attempt, std::string_view request_hash,
                  std::string_view value) {
  State& state = *state_;
  if (state.uncommitted == 0) {
    state.run("BEGIN");
  }
  ++state.uncommitted;
  state.bind_key(state.put, item, attempt, request_hash);
  state.check(
      sqlite3_bind_blob64(state.put, 4, State::address(value), value.size(), SQLITE_STATIC));
  state.check(sqlite3_step(state.put));
  state.check(sqlite3_reset(state.put));
  const std::chrono::duration<double> waited = Clock::now() - state.last_commit;
  if (state.uncommitted >= kBatch || waited.count() >= kBatchSeconds) commit();
}

void Journal::commit() {
  if (state_->uncommitted == 0) return;
  state_->run("COMMIT");
  state_->uncommitted = 0;
  state_->last_commit = Clock::now();
}

std::int64_t Journal::size() {
  sqlite3_stmt* count = state_->prepare("SELECT count(*) FROM finished");
  const int code = sqlite3_step(count);
  const std::int64_t rows = code == SQLITE_ROW ? sqlite3_column_int64(count, 0) : 0;
  sqlite3_finalize(count);
  state_->check(code);
  return rows;
}

}  // namespace tpt::storage
