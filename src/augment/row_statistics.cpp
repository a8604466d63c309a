#include "augment/row_statistics.h"

#include "augment/figure_text.h"
#include "base/json.h"
#include "base/utf8.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

namespace tpt::augment {
namespace {

constexpr std::size_t kLongestGroupName = 120;  // bytes

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  if (!value.is_array()) return dump_json(value);
  std::string text;
  for (const Json& item : value) text += (text.empty() ? "" : ", ") + value_text(item);
  return text;
}

std::string shortened(std::string text) {
  if (text.size() > kLongestGroupName) {
    text.resize(kLongestGroupName);
    // Not in the middle of a letter.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U) {
      text.pop_back();
    }
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0U) text.pop_back();
    text += "...";
  }
  return text;
}

std::int64_t whole_document_tokens(const AugmentedDocument& row, std::int64_t template_tokens) {
  const Trajectory& thought = row.trajectory;
  const std::int64_t shown = thought.prompt_tokens > template_tokens
                                 ? thought.prompt_tokens - template_tokens
                                 : thought.prompt_tokens;
  if (thought.context_bytes <= 0) return shown;
  const double scale =
      static_cast<double>(row.document.text.size()) / static_cast<double>(thought.context_bytes);
  return std::llround(static_cast<double>(shown) * std::max(scale, 1.0));
}

}  // namespace

std::string metadata_text(std::string_view metadata, std::string_view field) {
  // Most rows have no such field: they are not parsed.
  if (field.empty() || metadata.find(field) == std::string_view::npos) return "";
  const Json json = Json::parse(metadata, nullptr, false);
  if (!json.is_object()) return "";
  const auto found = json.find(field);
  return found == json.end() ? "" : shortened(value_text(*found));
}

GroupCounts& RowStatistics::group(std::map<std::string, GroupCounts>& groups,
                                  const std::string& name) {
  const auto found = groups.find(name);
  if (found != groups.end()) return found->second;
  return groups[groups.size() < kMostGroups ? name : "(others)"];
}

template <typename Count>
void RowStatistics::each_group(const AugmentedDocument& row, Count count) {
  count(all_);
  const std::string domain = metadata_text(row.document.metadata, options_.domain_field);
  if (!domain.empty()) count(group(domains_, domain));
  const std::string licence = metadata_text(row.document.metadata, options_.licence_field);
  if (!licence.empty()) count(group(licences_, licence));
  // The file's name alone: where it lay is a matter of one machine.
  const std::string source = std::filesystem::path(row.document.source).filename().string();
  if (!source.empty()) count(group(sources_, shortened(source)));
}

void RowStatistics::count_document(const AugmentedDocument& row) {
  if (row.chunk == 0 && row.trajectory.rollout == 0) ++documents_;
  most_chunks_ = std::max(most_chunks_, row.chunks);
  most_rollouts_ = std::max(most_rollouts_, row.trajectory.rollout + 1);
}

void RowStatistics::written(const AugmentedDocument& row) {
  count_document(row);
  const Trajectory& thought = row.trajectory;
  const std::int64_t tokens = whole_document_tokens(row, options_.template_tokens);
  each_group(row, [&](GroupCounts& counts) {
    ++counts.rows;
    counts.text_bytes += static_cast<std::int64_t>(row.document.text.size());
    counts.document_tokens += tokens;
    counts.thinking_tokens += thought.thinking_tokens;
  });
  ++finishes_[std::string(finish_name(thought.finish))];
  ++engines_[valid_utf8(without_secrets(thought.engine))];
  thinking_.add(thought.thinking_tokens);
  document_.add(tokens);
  prompt_.add(thought.prompt_tokens);
  answers_.add(thought.thinking_tokens);
}

void RowStatistics::rejected(const AugmentedDocument& row, std::string_view reason) {
  count_document(row);
  each_group(row, [](GroupCounts& counts) { ++counts.rejected; });
  ++reasons_[std::string(reason)];
  answers_.add(row.trajectory.thinking_tokens);
}

void RowStatistics::failed(const AugmentedDocument& row) {
  count_document(row);
  each_group(row, [](GroupCounts& counts) { ++counts.failed; });
}

}  // namespace tpt::augment
