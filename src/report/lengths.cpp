#include "report/lengths.h"

#include "report/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace tpt::report {
namespace {

constexpr std::size_t kMaxGroups = 20;
constexpr std::size_t kMaxDots = 600;

void add(LengthGroup& group, const DocumentPoint& point) {
  group.lengths.push_back(static_cast<double>(point.thinking_tokens));
  group.kept.push_back(point.kept);
}

// The groups beyond kMaxGroups, those with the fewest documents, as one.
void merge_small_groups(std::vector<LengthGroup>& groups) {
  if (groups.size() <= kMaxGroups) {
    return;
  }
  std::stable_sort(groups.begin(), groups.end(), [](const LengthGroup& a, const LengthGroup& b) {
    return a.lengths.size() > b.lengths.size();
  });
  LengthGroup others;
  others.name = fmt::format("({} other domains)", groups.size() - kMaxGroups + 1);
  for (std::size_t i = kMaxGroups - 1; i < groups.size(); ++i) {
    others.lengths.insert(others.lengths.end(), groups[i].lengths.begin(), groups[i].lengths.end());
    others.kept.insert(others.kept.end(), groups[i].kept.begin(), groups[i].kept.end());
  }
  groups.resize(kMaxGroups - 1);
  groups.push_back(std::move(others));
}

}  // namespace

std::vector<double> LengthGroup::box() const {
  std::vector<double> values;
  for (double share : {0.05, 0.25, 0.5, 0.75, 0.95}) {
    values.push_back(quantile(lengths, share));
  }
  return values;
}

std::vector<LengthGroup> lengths_by_domain(const AugmentPart& part) {
  std::map<std::string, LengthGroup> by_name;
  for (const DocumentPoint& point : part.points) {
    add(by_name[point.domain.empty() ? "(no domain)" : point.domain], point);
  }
  std::vector<LengthGroup> groups;
  for (auto& [name, group] : by_name) {
    group.name = name;
    groups.push_back(std::move(group));
  }
  merge_small_groups(groups);
  std::stable_sort(groups.begin(), groups.end(), [](const LengthGroup& a, const LengthGroup& b) {
    return quantile(a.lengths, 0.5) > quantile(b.lengths, 0.5);
  });
  return groups;
}

std::vector<LengthGroup> lengths_by_steps(const AugmentPart& part) {
  std::map<std::int64_t, LengthGroup> by_steps;
  for (const DocumentPoint& point : part.points) {
    if (point.steps >= 0) {
      add(by_steps[point.steps], point);
    }
  }
  std::vector<LengthGroup> groups;
  for (auto& [steps, group] : by_steps) {
    group.name = std::to_string(steps);
    groups.push_back(std::move(group));
  }
  return groups;
}

Json groups_json(const std::vector<LengthGroup>& groups) {
  Json json = Json::array();
  for (const LengthGroup& group : groups) {
    json.push_back(
        {{"name", group.name}, {"documents", group.lengths.size()}, {"box", group.box()}});
  }
  return json;
}

Json dots_json(const std::vector<LengthGroup>& groups) {
  const std::size_t all = std::accumulate(
      groups.begin(), groups.end(), std::size_t{0},
      [](std::size_t sum, const LengthGroup& group) { return sum + group.lengths.size(); });
  const std::size_t every = std::max<std::size_t>(1, (all + kMaxDots - 1) / kMaxDots);
  Json dots = Json::array();
  std::size_t number = 0;
  for (std::size_t group = 0; group < groups.size(); ++group) {
    for (std::size_t i = 0; i < groups[group].lengths.size(); ++i, ++number) {
      if (number % every == 0) {
        dots.push_back({group, groups[group].lengths[i], groups[group].kept[i] ? 1 : 0});
      }
    }
  }
  return dots;
}

}  // namespace tpt::report
