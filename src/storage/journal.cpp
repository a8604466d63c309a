#include "storage/journal.h"

#include "base/error.h"
#include "base/log.h"
#include "storage/checksum.h"
#include "storage/journal_lock.h"
#include "storage/key_index.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <string>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

constexpr int kLayout = 2;

struct Key {
  std::string_view item;
  std::int64_t attempt = 0;
  std::string_view request_hash;

  bool operator==(const Key&) const = default;

  std::uint64_t checksum() const {
    return checksum64(request_hash, checksum64(item, static_cast<std::uint64_t>(attempt)));
  }
};

// A view of nothing may have no address, which SQLite would take for null.
const char* address(std::string_view bytes) { return bytes.empty() ? "" : bytes.data(); }

std::int64_t as_signed(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }

}  // namespace

struct Journal::State {
  explicit State(const fs::path& journal)
      : path(journal.string()), lock(journal.string() + ".lock") {}
  ~State() {
    for (sqlite3_stmt* statement : {find, read_key, put_key, put_value}) {
      sqlite3_finalize(statement);
    }
    sqlite3_close(database);
  }

  [[noreturn]] void damaged_file(const std::string& problem) const {
    data_error(
        "{}: the journal is damaged ({}): restore it from a copy, or remove it to go on from the "
        "rows in whole parts",
        path, problem);
  }

  [[noreturn]] void fail(int code) const {
    const std::string problem = database != nullptr ? sqlite3_errmsg(database) : "out of memory";
    const int kind = code & 0xff;
    if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) damaged_file(problem);
    io_error("{}: {}", path, problem);
  }

  void check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) fail(code);
  }

  void run(const char* sql) const { check(sqlite3_exec(database, sql, nullptr, nullptr, nullptr)); }

  sqlite3_stmt* prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr));
    return statement;
  }

  std::int64_t number_of(const char* sql) const {
    sqlite3_stmt* statement = prepare(sql);
    const int code = sqlite3_step(statement);
    const std::int64_t number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    check(code);
    return number;
  }

  static std::string_view bytes_at(sqlite3_stmt* row, int column) {
    const void* data = sqlite3_column_blob(row, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
    return size == 0 ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
  }

  // A row of `finished`: item, attempt, request_hash from `column` on.
  static Key key_at(sqlite3_stmt* row, int column) {
    return {bytes_at(row, column), sqlite3_column_int64(row, column + 1),
            bytes_at(row, column + 2)};
  }

  void bind(sqlite3_stmt* statement, int column, std::string_view bytes) const {
    check(sqlite3_bind_blob64(statement, column, address(bytes), bytes.size(), SQLITE_STATIC));
  }

  std::uint32_t number_under(const Key& key, std::uint64_t key_sum) {
    return index.find(static_cast<std::uint32_t>(key_sum),
                      [&](std::uint32_t number) { return stands_under(key, number); });
  }

  bool stands_under(const Key& key, std::uint32_t number) {
    check(sqlite3_bind_int64(read_key, 1, number));
    const int code = sqlite3_step(read_key);
    check(code);
    const bool same = code == SQLITE_ROW && key_at(read_key, 0) == key;
    check(sqlite3_reset(read_key));
    return same;
  }

  void add(const Key& key, std::uint64_t key_sum, std::uint32_t number) {
    const auto hash = static_cast<std::uint32_t>(key_sum);
    const auto is_it = [&](std::uint32_t other) { return stands_under(key, other); };
    if (!index.replace(hash, number, is_it)) index.add(hash, number);
  }

  void open();
  void refuse_cut_files() const;
  void load();

  std::string path;
  JournalLock lock;
  sqlite3* database = nullptr;
  sqlite3_stmt* find = nullptr;
  sqlite3_stmt* read_key = nullptr;
  sqlite3_stmt* put_key = nullptr;
  sqlite3_stmt* put_value = nullptr;
  KeyIndex index;
  std::uint32_t last_number = 0;
  std::int64_t uncommitted = 0;
  std::int64_t damaged = 0;
  std::int64_t lost = 0;
};

// SQLite takes a file of no bytes for a new database and throws its log away.
void Journal::State::refuse_cut_files() const {
  std::error_code none;
  const auto size_of = [&](const std::string& name) {
    const auto size = fs::file_size(name, none);
    return none ? 0 : size;
  };
  if (size_of(path) == 0 && size_of(path + "-wal") > 0) {
    damaged_file("it is empty, and its write-ahead log is not");
  }
}

void Journal::State::open() {
  refuse_cut_files();
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  check(sqlite3_open_v2(path.c_str(), &database, flags, nullptr));
  // Values have a few KB: in large pages several share one.
  run("PRAGMA page_size=32768");
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  run("PRAGMA wal_autocheckpoint=512");
  run("PRAGMA cache_size=-8192");
  const std::int64_t layout = number_of("PRAGMA user_version");
  const bool has_tables = number_of("SELECT count(*) FROM sqlite_schema") > 0;
  if (has_tables && layout != kLayout) {
    user_error(
        "{} was written by another version of tpt (layout {}, this one reads {}): finish with that "
        "version, choose another --out, or remove the journal to go on from the rows in whole "
        "parts",
        path, layout, kLayout);
  }
  if (!has_tables) {
    run("BEGIN;"
        "CREATE TABLE finished (number INTEGER PRIMARY KEY, item BLOB NOT NULL, attempt INTEGER "
        "NOT NULL, request_hash BLOB NOT NULL, value_sum INTEGER NOT NULL, key_sum INTEGER NOT "
        "NULL);"
        "CREATE TABLE answers (number INTEGER PRIMARY KEY, value BLOB NOT NULL);"
        "PRAGMA user_version=2;"
        "COMMIT");
  }
}

void Journal::State::load() {
  sqlite3_stmt* rows =
      prepare("SELECT number, item, attempt, request_hash, key_sum FROM finished ORDER BY number");
  int code = SQLITE_OK;
  while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
    const std::int64_t number = sqlite3_column_int64(rows, 0);
    const Key key = key_at(rows, 1);
    const std::uint64_t key_sum = key.checksum();
    if (number != std::int64_t{last_number} + 1 ||
        as_signed(key_sum) != sqlite3_column_int64(rows, 4)) {
      sqlite3_finalize(rows);
      damaged_file(fmt::format("entry {} is not as it was written", last_number + 1));
    }
    last_number = static_cast<std::uint32_t>(number);
    add(key, key_sum, last_number);
  }
  sqlite3_finalize(rows);
  check(code);
  lost = std::max<std::int64_t>(0, lock.noted() - last_number);
}

Journal::Journal(const fs::path& path) {
  if (!path.parent_path().empty()) fs::create_directories(path.parent_path());
  state_ = std::make_unique<State>(path);
  State& state = *state_;
  state.open();
  state.read_key =
      state.prepare("SELECT item, attempt, request_hash FROM finished WHERE number = ?");
  state.find = state.prepare(
      "SELECT finished.value_sum, answers.value FROM finished JOIN answers USING (number) WHERE "
      "number = ?");
  state.put_key = state.prepare("INSERT INTO finished VALUES (?, ?, ?, ?, ?, ?)");
  state.put_value = state.prepare("INSERT INTO answers VALUES (?, ?)");
  state.load();
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
  const Key key{item, attempt, request_hash};
  const std::uint32_t number = state.number_under(key, key.checksum());
  if (number == 0) return std::nullopt;
  state.check(sqlite3_bind_int64(state.find, 1, number));
  const int code = sqlite3_step(state.find);
  state.check(code);
  std::optional<std::string> value;
  if (code == SQLITE_ROW) {
    value.emplace(State::bytes_at(state.find, 1));
    if (as_signed(checksum64(*value, number)) != sqlite3_column_int64(state.find, 0)) value.reset();
  }
  state.check(sqlite3_reset(state.find));
  if (!value) {
    ++state.damaged;
    log_warning("{}: what it holds for {} is damaged and counts as not there", state.path, item);
  }
  return value;
}

void Journal::put(std::string_view item, std::int64_t attempt, std::string_view request_hash,
                  std::string_view value) {
  State& state = *state_;
  TPT_CHECK(state.last_number < std::numeric_limits<std::uint32_t>::max(), "the journal is full");
  if (state.uncommitted == 0) state.run("BEGIN");
  ++state.uncommitted;
  const Key key{item, attempt, request_hash};
  const std::uint64_t key_sum = key.checksum();
  const std::uint32_t number = state.last_number + 1;
  sqlite3_stmt* const put_key = state.put_key;
  state.check(sqlite3_bind_int64(put_key, 1, number));
  state.bind(put_key, 2, item);
  state.check(sqlite3_bind_int64(put_key, 3, attempt));
  state.bind(put_key, 4, request_hash);
  state.check(sqlite3_bind_int64(put_key, 5, as_signed(checksum64(value, number))));
  state.check(sqlite3_bind_int64(put_key, 6, as_signed(key_sum)));
  state.check(sqlite3_step(put_key));
  state.check(sqlite3_reset(put_key));
  state.check(sqlite3_bind_int64(state.put_value, 1, number));
  state.bind(state.put_value, 2, value);
  state.check(sqlite3_step(state.put_value));
  state.check(sqlite3_reset(state.put_value));
  state.last_number = number;
  state.add(key, key_sum, number);
}

void Journal::commit() {
  State& state = *state_;
  if (state.uncommitted == 0) return;
  state.run("COMMIT");
  state.uncommitted = 0;
  state.lock.note(state.last_number);
}

std::int64_t Journal::uncommitted() const { return state_->uncommitted; }
std::int64_t Journal::size() const { return static_cast<std::int64_t>(state_->index.size()); }
std::int64_t Journal::damaged() const { return state_->damaged; }
std::int64_t Journal::lost() const { return state_->lost; }

}  // namespace tpt::storage
