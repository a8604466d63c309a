// The program as a person runs it: a process of its own, its output, its exit status.
#pragma once

#include "temporary_folder.h"

#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tpt::flow {

struct Outcome {
  int status = 0;      // exit status; 128 + signal where one ended it
  std::string output;  // stdout
  std::string errors;  // stderr
};

// Starts the program; `finish` waits for it.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  void signal(int number) const;
  // Of stdout, once it is whole; "" where that takes longer.
  std::string first_line(double seconds = 20) const;
  Outcome finish();

 private:
  pid_t child_ = -1;
  std::filesystem::path output_;
  std::filesystem::path errors_;
};

Outcome run(const std::vector<std::string>& arguments);

// Every file below a folder with its bytes, those that keep times or the state of a run left out.
std::map<std::string, std::string> results(const std::filesystem::path& folder);

}  // namespace tpt::flow
