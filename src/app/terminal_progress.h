// Progress for a person: one line that is redrawn on a terminal, a line every ten seconds
// elsewhere.
#pragma once

#include "base/progress.h"

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace tpt::app {

class TerminalProgress : public Progress {
 public:
  TerminalProgress();
  ~TerminalProgress() override;
  void report(const ProgressState& state) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Stage {
    ProgressState state;
    double first_done = 0;
    Clock::time_point started;
    Clock::time_point shown;
    bool finished = false;
  };
  std::string line(const Stage& stage) const;
  void redraw();
  void clear();

  std::mutex mutex_;
  std::map<std::string, Stage> stages_;
  Clock::time_point drawn_;
  bool on_terminal_ = false;
  bool line_shown_ = false;
};

}  // namespace tpt::app
