// What a long step tells the person waiting for it. The step calls report() as often as it likes;
// app decides what to draw and how often, and works out rate and time left from `done` and `total`.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tpt {

struct ProgressState {
  std::string stage;  // "augment"
  double done = 0;    // in `unit`
  double total = 0;   // 0 where it is not known
  std::string unit;   // "documents"
  // Further facts in the order to be shown, for example {"tokens/s", "212"}.
  std::vector<std::pair<std::string, std::string>> facts;
};

class Progress {
 public:
  virtual ~Progress() = default;
  // May be called from any thread.
  virtual void report(const ProgressState& state) = 0;
};

class NoProgress : public Progress {
 public:
  void report(const ProgressState& /*state*/) override {}
};

}  // namespace tpt
