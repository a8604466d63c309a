// How long the thinking is, in groups of documents.
#pragma once

#include "base/json.h"
#include "report/page.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::report {

// Thinking lengths of one group of documents: a domain, or a number of steps.
struct LengthGroup {
  std::string name;
  std::vector<double> lengths;
  std::vector<bool> kept;  // of the same documents

  // 5th, 25th, 50th, 75th, 95th percentile.
  std::vector<double> box() const;
};

// Longest median first. Where there are more than 20 domains those with the fewest documents go
// into one group "(N other domains)"; documents without a domain are "(no domain)".
std::vector<LengthGroup> lengths_by_domain(const AugmentPart& part);
// Fewest steps first; documents whose steps are not told are left out.
std::vector<LengthGroup> lengths_by_steps(const AugmentPart& part);

// For the charts: [{"name", "documents", "box"}...] and dots as [group, thinking tokens, kept], of
// so many documents every k-th that the page stays light.
Json groups_json(const std::vector<LengthGroup>& groups);
Json dots_json(const std::vector<LengthGroup>& groups);

}  // namespace tpt::report
