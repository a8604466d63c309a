// The folder of a step on S3, worked on in a folder of this machine: every part is put there as
// soon as it is whole, the manifest last. What this machine does not have of it is taken from
// there.
#pragma once

#include "storage/journal_lock.h"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace tpt::storage {

class RemoteFolder {
 public:
  // `url`: where the step's files are to stand. `work`: a folder of this machine, which may serve
  // many urls. The record of a step that was started or finished at the url is brought here. Throws
  // what remote_files.h throws; Error(user) where rows stand at the url that are of no step, and
  // while another process works on the same url in `work`.
  RemoteFolder(std::filesystem::path url, const std::filesystem::path& work);
  // Drops what waits to be sent.
  ~RemoteFolder();
  RemoteFolder(const RemoteFolder&) = delete;
  RemoteFolder& operator=(const RemoteFolder&) = delete;

  // Where the step does its work.
  std::filesystem::path step() const { return work_ / "step"; }

  // There is work to do: the url shows the record of step(), and no manifest.
  void start();
  // The parts with rows at the url that are not of this machine; none that taken_over() was told.
  std::vector<std::filesystem::path> parts_to_take_over();
  void taken_over(const std::filesystem::path& part);
  // False where some of them may be of other options than the record of step().
  bool parts_are_of_one_record() const;

  // Sends a whole file of step(), from a thread of its own; what cannot be sent is tried again.
  void send(const std::filesystem::path& file);
  // The step has ended: what stands at the url is what stands in step(), with the manifest.
  // Error(io) where that cannot be had; the next RemoteFolder can.
  void finish();
  // The step is to be gone on with, perhaps by a machine that has only the url: sends what it
  // needs, the rows in step()/unfinished too. What cannot be sent is warned of.
  void leave();

 private:
  struct Seen {
    std::string sha256;  // of what this machine sent; "" for what another one did
    std::string etag;
  };

  void read_seen();
  void save_seen() const;
  void bring_records();
  void bring(const std::string& name);
  void work(const std::stop_token& stop);
  bool try_to_put(const std::string& name);
  void put(const std::string& name);
  void put_as(const std::filesystem::path& file, const std::string& name);
  std::string etag_at(const std::string& name) const;
  void stop_sending();

  std::filesystem::path url_;
  std::filesystem::path work_;
  std::optional<JournalLock> lock_;
  bool complete_ = false;        // the url has the manifest
  bool started_ = false;         // start() was called
  std::set<std::string> found_;  // names of the step's files at the url
  std::map<std::string, Seen>
      seen_;  // by name; what stood at the url when this machine last looked
  std::map<std::string, std::string> to_take_over_;  // name -> etag
  bool warned_of_another_ = false;
  bool fails_ = false;  // of the sending thread

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::string> queue_;
  std::jthread thread_;
};

}  // namespace tpt::storage
