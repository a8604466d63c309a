#include "app/child_process.h"

#include "base/error.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace tpt::app {

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
  std::vector<std::string> texts = {"tpt"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const int problem =
      ::posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) io_error("this program cannot be started again: {}", std::strerror(problem));
}

ChildProcess::~ChildProcess() {
  if (!ended_) kill();
}

bool ChildProcess::has_ended() {
  if (!ended_) ended_ = ::waitpid(process_, &status_, WNOHANG) == process_;
  return ended_;
}

int ChildProcess::wait() {
  while (!ended_) {
    ended_ = ::waitpid(process_, &status_, 0) == process_;
    if (!ended_ && errno != EINTR) io_error("a child was lost: {}", std::strerror(errno));
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

void ChildProcess::kill() {
  ::kill(process_, SIGKILL);
  wait();
}

}  // namespace tpt::app
