#include "flow/program.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace tpt::flow {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path temporary_name(const char* pattern) {
  std::string name = (fs::temp_directory_path() / pattern).string();
  close(mkstemp(name.data()));
  return name;
}

}  // namespace

Program::Program(const std::vector<std::string>& arguments)
    : output_(temporary_name("tpt-output-XXXXXX")), errors_(temporary_name("tpt-errors-XXXXXX")) {
  std::vector<std::string> words = {TPT_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  child_ = fork();
  if (child_ == 0) {
    if (chdir(TPT_SOURCE_DIR) != 0) _exit(126);
    dup2(open(output_.c_str(), O_WRONLY | O_TRUNC), STDOUT_FILENO);
    dup2(open(errors_.c_str(), O_WRONLY | O_TRUNC), STDERR_FILENO);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
}

Program::~Program() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  fs::remove(output_);
  fs::remove(errors_);
}

std::string Program::first_line(double seconds) const {
  for (double waited = 0; waited < seconds; waited += 0.05) {
    const std::string text = read_all(output_);
    if (const std::size_t end = text.find('\n'); end != std::string::npos) {
      return text.substr(0, end);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return "";
}

void Program::signal(int number) const { kill(child_, number); }

Outcome Program::finish() {
  int status = 0;
  waitpid(child_, &status, 0);
  child_ = -1;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {.status = code, .output = read_all(output_), .errors = read_all(errors_)};
}

Outcome run(const std::vector<std::string>& arguments) { return Program(arguments).finish(); }

std::map<std::string, std::string> results(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    const bool is_result = extension == ".parquet" || extension == ".bin" || extension == ".idx" ||
                           extension == ".spans" ||
                           entry.path().filename() == "model.safetensors" ||
                           entry.path().filename() == "answers.jsonl";
    const std::string name = fs::relative(entry.path(), folder).string();
    // Which states of a run are left depends on when the clock had them saved.
    if (entry.is_regular_file() && is_result && name.find("/state-") == std::string::npos) {
      files[name] = read_all(entry.path());
    }
  }
  return files;
}

}  // namespace tpt::flow
