// This test program as several processes that train together.
#pragma once

#include "base/json.h"
#include "storage/atomic_file.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tpt::train {

class Processes {
 public:
  // Starts `count` children that run the test "RanksChild.Run" on `task`, told who they are as
  // torchrun does.
  Processes(const std::filesystem::path& folder, std::int64_t count, const Json& task)
      : folder_(folder) {
    static int started = 0;
    const std::string port = std::to_string(15000 + (::getpid() * 37 + 11 * ++started) % 15000);
    std::filesystem::create_directories(folder_);
    storage::write_file_atomically(folder_ / "task.json", dump_json(task));
    for (std::int64_t rank = 0; rank < count; ++rank) {
      start(rank, count, port);
    }
  }
  ~Processes() {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  void signal(std::size_t rank, int number) { ::kill(children_[rank], number); }

  // Exit statuses by rank, 128 and the signal of one that was killed; fails the test and kills what
  // still runs after `seconds`.
  std::vector<int> wait(double seconds = 120) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::vector<int> statuses(children_.size(), -1);
    std::size_t ended = 0;
    while (ended < children_.size()) {
      for (std::size_t i = 0; i < children_.size(); ++i) {
        int status = 0;
        if (statuses[i] < 0 && ::waitpid(children_[i], &status, WNOHANG) == children_[i]) {
          statuses[i] = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
          ++ended;
        }
      }
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "processes still run after " << seconds << " s";
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    if (ended == children_.size()) {
      children_.clear();
    }
    return statuses;
  }

  // What the process said.
  std::string words(std::size_t rank) const {
    return storage::read_file(folder_ / ("words-" + std::to_string(rank)));
  }

 private:
  void start(std::int64_t rank, std::int64_t count, const std::string& port) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string words = (folder_ / ("words-" + std::to_string(rank))).string();
      if (std::freopen(words.c_str(), "w", stderr) == nullptr ||
          std::freopen("/dev/null", "w", stdout) == nullptr) {
        ::_exit(126);
      }
      ::setenv("RANK", std::to_string(rank).c_str(), 1);
      ::setenv("WORLD_SIZE", std::to_string(count).c_str(), 1);
      ::setenv("LOCAL_RANK", std::to_string(rank).c_str(), 1);
      ::setenv("LOCAL_WORLD_SIZE", std::to_string(count).c_str(), 1);
      ::setenv("MASTER_ADDR", "127.0.0.1", 1);
      ::setenv("MASTER_PORT", port.c_str(), 1);
      ::setenv("TPT_RANKS_TASK", (folder_ / "task.json").c_str(), 1);
      ::execl("/proc/self/exe", "train", "--gtest_filter=RanksChild.Run", "--gtest_brief=1",
              static_cast<char*>(nullptr));
      ::_exit(127);
    }
    children_.push_back(child);
  }

  std::filesystem::path folder_;
  std::vector<pid_t> children_;
};

}  // namespace tpt::train
