// What a person sees of a run that thinks: a small table for a terminal, or one line.
#pragma once

#include "augment/spend.h"
#include "augment/status.h"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace tpt::app {

struct StatusView {
  augment::JobStatus job;
  std::vector<augment::EndpointStatus> endpoints;
  augment::SpendSummary spend;  // of all calls
  double rows_per_second = 0;   // of late
  double prompt_tokens_per_second = 0;
  double generated_tokens_per_second = 0;
  std::map<std::string, double> endpoint_tokens_per_second;  // by name
};

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;

  bool operator==(const ScreenSize&) const = default;
};

// At most rows - 1 lines of at most columns - 1 printing characters, all ASCII whatever the names
// hold. Endpoints beyond the room are summed up, the worst are shown. `colour` adds SGR sequences.
std::vector<std::string> status_table(const StatusView& view, ScreenSize size, bool colour);

// The same in one line, for logs.
std::string status_line(const StatusView& view);

}  // namespace tpt::app
