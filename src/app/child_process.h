// This program as a child of itself.
#pragma once

#include <string>
#include <vector>

namespace tpt::app {

class ChildProcess {
 public:
  // Starts this program with these arguments; its results are not shown, its words on stderr are.
  // Error(io) where it cannot be started.
  explicit ChildProcess(const std::vector<std::string>& arguments);
  // Kills it where it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  bool has_ended();
  // Its exit status; 128 and the signal where one ended it.
  int wait();
  // SIGKILL, then waits for its end.
  void kill();

 private:
  int process_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace tpt::app
