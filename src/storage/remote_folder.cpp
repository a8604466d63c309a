#include "storage/remote_folder.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "storage/atomic_file.h"
#include "storage/files.h"
#include "storage/remote_files.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <string_view>
#include <utility>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kStarted = "started.json";
constexpr const char* kSpend = "spend.json";
constexpr std::string_view kUnfinished = "unfinished/";
// Stands while some parts may be of an earlier record.
constexpr const char* kOptionsChanged = "unfinished/options-changed";
constexpr std::chrono::seconds kTryAgainAfter{5};

bool is_part(std::string_view name) {
  constexpr std::string_view kStart = "part-";
  constexpr std::string_view kEnd = ".parquet";
  if (!name.starts_with(kStart) || !name.ends_with(kEnd)) return false;
  name.remove_prefix(kStart.size());
  name.remove_suffix(std::min(name.size(), kEnd.size()));
  return name.size() >= 5 && std::all_of(name.begin(), name.end(), [](unsigned char letter) {
           return std::isdigit(letter) != 0;
         });
}

bool holds_rows(std::string_view name) {
  constexpr std::string_view kRejected = "rejected/";
  if (name.starts_with(kUnfinished)) return name.ends_with(".parquet");
  return is_part(name.starts_with(kRejected) ? name.substr(kRejected.size()) : name);
}

// What a step may have written in an earlier run and has no more. Nothing else is ever removed.
bool may_be_left_over(std::string_view name) {
  return holds_rows(name) || name == kOptionsChanged || name == "failed.jsonl" ||
         name == "bad_items.jsonl";
}

bool is_of_the_step(std::string_view name) {
  return may_be_left_over(name) || name == kManifest || name == kStarted || name == kSpend ||
         name == "README.md";
}

// What a step leaves for a reader; its journal, locks and half files stay on this machine.
bool is_result(const std::string& name) {
  const fs::path path = name;
  return !path.filename().string().starts_with("journal.") && path.extension() != ".lock" &&
         path.extension() != ".partial" && name != kManifest && !name.starts_with(kUnfinished);
}

fs::path without_slash(const fs::path& url) { return url.has_filename() ? url : url.parent_path(); }

// Of this url alone, with a name that a person can read.
fs::path folder_of(const fs::path& work, const fs::path& url) {
  constexpr std::size_t kDigits = 16;
  return work /
         fmt::format("{}-{}", url.filename().string(), sha256_hex(url.native()).substr(0, kDigits));
}

void make_folder(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) io_error("cannot make {}: {}", folder.string(), problem.message());
}

std::string bytes_of(const fs::path& file) { return fs::exists(file) ? read_file(file) : ""; }

}  // namespace

RemoteFolder::RemoteFolder(fs::path url, const fs::path& work)
    : url_(without_slash(url)), work_(folder_of(work, url_)) {
  make_folder(step());
  lock_.emplace(work_ / "work.lock");
  const std::size_t start = (url_ / "").native().size();
  for (const StoredFile& file : list_remote(url_)) {
    std::string name = file.path.native().substr(start);
    if (is_of_the_step(name)) found_.insert(std::move(name));
  }
  const auto rows = std::find_if(found_.begin(), found_.end(), holds_rows);
  if (rows != found_.end() && !found_.contains(kStarted)) {
    user_error(
        "{}: {} stands there, but no started.json: not rows that tpt augment wrote; choose "
        "another --out",
        url_.string(), *rows);
  }
  complete_ = found_.contains(kManifest);
  read_seen();
  bring_records();
  thread_ = std::jthread([this](const std::stop_token& stop) { this->work(stop); });
}

RemoteFolder::~RemoteFolder() { stop_sending(); }

void RemoteFolder::read_seen() {
  const fs::path file = work_ / "seen.json";
  if (!fs::exists(file)) return;
  const Json record = parse_json(read_file(file), file.string());
  for (const auto& [name, seen] : record.items()) {
    seen_[name] = {seen.value("sha256", ""), seen.value("etag", "")};
  }
}

void RemoteFolder::save_seen() const {
  Json record = Json::object();
  for (const auto& [name, seen] : seen_) {
    record[name] = {{"sha256", seen.sha256}, {"etag", seen.etag}};
  }
  write_file_atomically(work_ / "seen.json", dump_json_pretty(record));
}

// The url is the truth about what was started there, and whether it has ended.
void RemoteFolder::bring_records() {
  const std::string before = bytes_of(step() / kStarted);
  bring(kStarted);
  const bool is_other = found_.contains(kStarted) && bytes_of(step() / kStarted) != before;
  if (complete_) {
    bring(kManifest);
  } else if (is_other) {
    fs::remove(step() / kManifest);
  }
  if (!found_.contains(kSpend)) return;
  // What this machine sent may have grown here since.
  const auto seen = seen_.find(kSpend);
  const bool is_ours = seen != seen_.end() && seen->second.etag == etag_at(kSpend);
  if (!is_ours || !fs::exists(step() / kSpend)) bring(kSpend);
}

void RemoteFolder::bring(const std::string& name) {
  if (!found_.contains(name)) return;
  std::string etag = etag_at(name);
  fetch_remote(url_ / name, step() / name);
  seen_[name] = {sha256_of_file(step() / name), std::move(etag)};
  save_seen();
}

void RemoteFolder::start() {
  started_ = true;
  // Its rows stand in the journal.
  fs::remove_all(step() / kUnfinished);
  if (complete_) remove_remote(url_ / kManifest);
  complete_ = false;
  const bool is_new =
      !seen_.contains(kStarted) || seen_.at(kStarted).sha256 != sha256_of_file(step() / kStarted);
  if (is_new && std::any_of(found_.begin(), found_.end(), holds_rows)) {
    put_remote_bytes("", url_ / kOptionsChanged);
    found_.insert(kOptionsChanged);
  }
  put(kStarted);
}

std::vector<fs::path> RemoteFolder::parts_to_take_over() {
  std::vector<fs::path> parts;
  for (const std::string& name : found_) {
    if (!holds_rows(name)) continue;
    std::string etag = etag_at(name);
    const auto seen = seen_.find(name);
    if (seen != seen_.end() && seen->second.etag == etag) continue;
    to_take_over_[name] = std::move(etag);
    parts.push_back(url_ / name);
  }
  return parts;
}

void RemoteFolder::taken_over(const fs::path& part) {
  const std::string name = part.native().substr((url_ / "").native().size());
  seen_[name] = {"", to_take_over_.at(name)};
  save_seen();
}

bool RemoteFolder::parts_are_of_one_record() const { return !found_.contains(kOptionsChanged); }

void RemoteFolder::send(const fs::path& file) {
  const std::scoped_lock lock(mutex_);
  queue_.push_back(file.lexically_relative(step()).string());
  changed_.notify_all();
}

void RemoteFolder::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !queue_.empty(); }) && !stop.stop_requested()) {
    const std::string name = queue_.front();
    lock.unlock();
    const bool sent = try_to_put(name);
    lock.lock();
    if (sent) {
      queue_.pop_front();
    } else {
      changed_.wait_for(lock, stop, kTryAgainAfter, [] { return false; });
    }
  }
}

bool RemoteFolder::try_to_put(const std::string& name) {
  try {
    put(name);
  } catch (const std::exception& error) {
    if (!std::exchange(fails_, true)) {
      log_warning("{}; the run goes on, and it is tried again", error.what());
    }
    return false;
  }
  if (std::exchange(fails_, false)) log_info("{}: sent after all", (url_ / name).string());
  return true;
}

void RemoteFolder::put(const std::string& name) { put_as(step() / name, name); }

// Only one thread puts at a time: the sending one, and the caller's before and after it.
void RemoteFolder::put_as(const fs::path& file, const std::string& name) {
  const std::string sha256 = sha256_of_file(file);
  const bool may_stand = seen_.contains(name) || holds_rows(name);
  const std::string etag = may_stand ? etag_at(name) : "";
  const Seen seen = seen_.contains(name) ? seen_.at(name) : Seen();
  if (!etag.empty() && etag == seen.etag && sha256 == seen.sha256) return;
  if (holds_rows(name) && !etag.empty() && etag != seen.etag && !warned_of_another_) {
    warned_of_another_ = true;
    log_warning("{}: another process writes it too, and what one of them asks for is paid twice",
                (url_ / name).string());
  }
  put_remote(file, url_ / name);
  found_.insert(name);
  seen_[name] = {sha256, remote_content(url_ / name).etag};
  save_seen();
}

// "" where nothing stands there.
std::string RemoteFolder::etag_at(const std::string& name) const {
  if (look_up_remote(url_ / name).kind != RemoteKind::file) return "";
  return remote_content(url_ / name).etag;
}

void RemoteFolder::stop_sending() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void RemoteFolder::finish() {
  stop_sending();
  if (complete_) return;
  try {
    // Where another process has finished meanwhile, its manifest is none of these files.
    remove_remote(url_ / kManifest);
    std::set<std::string> results;
    for (const StoredFile& file : files_below(step())) {
      const std::string name = file.path.lexically_relative(step()).string();
      if (is_result(name)) results.insert(name);
    }
    for (const std::string& name : results) put(name);
    const std::size_t start = (url_ / "").native().size();
    for (const StoredFile& file : list_remote(url_)) {
      const std::string name = file.path.native().substr(start);
      if (!results.contains(name) && may_be_left_over(name)) remove_remote(file.path);
    }
    for (const char* folder : {"rejected", "unfinished"}) {
      remove_empty_remote_folder(url_ / folder);
    }
    put(kManifest);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    io_error("{}; all rows stand in {}: run the same command again to send them", error.what(),
             work_.string());
  }
  complete_ = true;
}

void RemoteFolder::leave() {
  stop_sending();
  if (!started_ || complete_) return;
  try {
    for (; !queue_.empty(); queue_.pop_front()) put(queue_.front());
    const fs::path unfinished = step() / kUnfinished;
    if (fs::exists(unfinished)) {
      for (const StoredFile& file : files_below(unfinished)) {
        // A name of its own: what an earlier life left stands until the step has ended.
        if (file.path.extension() != ".parquet") continue;
        put_as(file.path,
               fmt::format("{}{}.parquet", kUnfinished, sha256_of_file(file.path).substr(0, 16)));
      }
    }
    if (fs::exists(step() / kSpend)) put(kSpend);
  } catch (const std::exception& error) {
    log_warning("{}; what was not sent stands in {}: go on with the same --work", error.what(),
                work_.string());
  }
}

}  // namespace tpt::storage
