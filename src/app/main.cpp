#include "app/stop_signal.h"
#include "app/terminal_progress.h"
#include "app/verb_table.h"
#include "base/error.h"
#include "base/log.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::app {
namespace {

enum Exit { kDone = 0, kFailed = 1, kUserMistake = 2, kBadData = 3, kBug = 70, kInterrupted = 130 };

void print_overview() {
  fmt::print(
      "tpt: thinking augmented pre-training, from corpus to report\n\nusage: tpt VERB "
      "[options]\n\n");
  for (const Verb& verb : verb_table()) fmt::print("  {:<13} {}\n", verb.name, verb.summary);
  fmt::print(
      "\n'tpt VERB --help' lists every option; 'tpt --version' names this build.\n"
      "exit status: 0 done, 1 disk or remote, 2 a mistake in the options, 3 bad data, 130 "
      "stopped and resumable\n");
}

[[noreturn]] void refuse_verb(std::string_view name) {
  std::string allowed;
  for (const Verb& verb : verb_table()) {
    allowed += (allowed.empty() ? "" : ", ") + std::string(verb.name);
  }
  for (const std::string_view left_out : verbs_left_out()) {
    if (left_out == name) {
      user_error("this program was built to train alone and has no verb {}; it has {}", name,
                 allowed);
    }
  }
  user_error("there is no verb {}; allowed: {}", name, allowed);
}

// A verb of two words goes before one of its first word.
const Verb& chosen(std::span<const std::string> words) {
  const Verb* one_word = nullptr;
  for (const Verb& verb : verb_table()) {
    if (words.size() > 1 && verb.name == words[0] + " " + words[1]) return verb;
    if (verb.name == words[0]) one_word = &verb;
  }
  if (one_word == nullptr) refuse_verb(words[0]);
  return *one_word;
}

void run_chosen(std::span<const std::string> words) {
  const Verb& verb = chosen(words);
  const bool has_two_words = verb.name.find(' ') != std::string_view::npos;
  const StopSignal stop;
  TerminalProgress progress;
  verb.function(words.subspan(has_two_words ? 2 : 1), {.progress = progress, .stop = stop.token()});
}

Exit status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::user:
      return kUserMistake;
    case ErrorKind::data:
      return kBadData;
    case ErrorKind::io:
    case ErrorKind::remote:
      return kFailed;
    case ErrorKind::bug:
      return kBug;
  }
  return kBug;
}

Exit run_program(const std::vector<std::string>& arguments) {
  try {
    if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
        arguments[0] == "help") {
      print_overview();
    } else if (arguments[0] == "--version") {
      fmt::print("tpt {}\n", TPT_VERSION);
    } else {
      run_chosen(arguments);
    }
    return kDone;
  } catch (const Interrupted& stopped) {
    fmt::print(stderr, "tpt: stopped: {}\n", stopped.what());
    return kInterrupted;
  } catch (const Error& error) {
    fmt::print(stderr, "tpt: {}\n", error.what());
    return status_of(error.kind());
  } catch (const std::filesystem::filesystem_error& error) {
    fmt::print(stderr, "tpt: {}: {}\n", error.path1().string(), error.code().message());
    return kFailed;
  } catch (const std::exception& error) {
    // Libraries put a stack behind their first line.
    const std::string_view text = error.what();
    fmt::print(stderr, "tpt: unexpected: {}\n", text.substr(0, text.find('\n')));
    return kBug;
  }
}

}  // namespace
}  // namespace tpt::app

int main(int count, char** values) {
  return tpt::app::run_program(std::vector<std::string>(values + 1, values + count));
}
