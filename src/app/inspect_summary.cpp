#include "app/inspect_summary.h"

#include "app/terminal_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace tpt::app {
namespace {

struct Quantile {
  std::string_view name;
  double share;
};
constexpr std::array<Quantile, 5> kQuantiles = {
    {{"min", 0}, {"p10", 0.1}, {"median", 0.5}, {"p90", 0.9}, {"max", 1}}};

Json quantiles(std::vector<std::int64_t> values) {
  Json json = Json::object();
  if (values.empty()) return json;
  std::sort(values.begin(), values.end());
  std::int64_t sum = 0;
  for (const std::int64_t value : values) sum += value;
  for (const Quantile& quantile : kQuantiles) {
    const auto last = static_cast<double>(values.size() - 1);
    json[std::string(quantile.name)] =
        values[static_cast<std::size_t>(quantile.share * last + 0.5)];
  }
  json["mean"] = sum / static_cast<std::int64_t>(values.size());
  json["sum"] = sum;
  return json;
}

std::string quantile_line(std::string_view name, const Json& json) {
  if (json.empty()) return "";
  std::string line = fmt::format("{:<26}", name);
  for (const auto& [key, value] : json.items()) {
    line += fmt::format("  {} {}", key, value.get<std::int64_t>());
  }
  return line + "\n";
}

}  // namespace

void InspectSummary::add(const InspectedRow& row) {
  const Trajectory& thinking = row.row.trajectory;
  ++(row.rejected ? rejected_ : kept_);
  if (row.rejected) ++reasons_[row.reason];
  ++finishes_[std::string(finish_name(thinking.finish))];
  (row.rejected ? rejected_tokens_ : kept_tokens_).push_back(thinking.thinking_tokens);
  document_bytes_.push_back(static_cast<std::int64_t>(row.row.document.text.size()));
}

Json InspectSummary::to_json() const {
  return {{"rows", kept_ + rejected_},
          {"kept", kept_},
          {"rejected", rejected_},
          {"reasons", reasons_},
          {"finish", finishes_},
          {"kept_thinking_tokens", quantiles(kept_tokens_)},
          {"rejected_thinking_tokens", quantiles(rejected_tokens_)},
          {"document_bytes", quantiles(document_bytes_)}};
}

std::string InspectSummary::to_text() const {
  const std::int64_t rows = kept_ + rejected_;
  const auto share = [rows](std::int64_t count) {
    return rows == 0 ? 0 : 100 * static_cast<double>(count) / static_cast<double>(rows);
  };
  std::string text = fmt::format("rows {}  kept {} ({:.1f} %)  rejected {} ({:.1f} %)\n", rows,
                                 kept_, share(kept_), rejected_, share(rejected_));
  std::vector<std::pair<std::string, std::int64_t>> reasons(reasons_.begin(), reasons_.end());
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [reason, count] : reasons) {
    text += fmt::format("  {:<18} {:>9}  {:5.1f} %\n", harmless(reason), count, share(count));
  }
  text += "finish";
  for (const auto& [finish, count] : finishes_) text += fmt::format("  {} {}", finish, count);
  text += "\n";
  text += quantile_line("thinking tokens, kept", quantiles(kept_tokens_));
  text += quantile_line("thinking tokens, rejected", quantiles(rejected_tokens_));
  text += quantile_line("document bytes", quantiles(document_bytes_));
  return text;
}

}  // namespace tpt::app
