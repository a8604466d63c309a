// The state of a run in Prometheus' text format (docs/operations.md lists the names).
#pragma once

#include "augment/spend.h"
#include "augment/status.h"

#include <string>
#include <string_view>
#include <vector>

namespace tpt::augment {

struct BuildInfo {
  std::string version;
  std::string commit;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// One scrape. Counters (`_total`) are of this process: Prometheus takes a fall for a restart, and
// what a kill loses of the record must not look like one. `call` is what this process has spent,
// endpoints that have gone included; `run` is what all calls have. Names of endpoints are shown
// without what may be a secret in them.
std::string metrics_text(const JobStatus& job, const std::vector<EndpointStatus>& endpoints,
                         const Spend& call, const SpendRecord& run, const BuildInfo& build);

}  // namespace tpt::augment
