// What the rows of a run look like, counted as they are written: for the dataset card and for the
// time that is left.
#pragma once

#include "augment/token_histogram.h"
#include "records/trajectory.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tpt::augment {

struct RowStatisticsOptions {
  std::int64_t template_tokens = 0;       // of the prompt without a document; 0: not known
  std::string domain_field = "domain";    // of the metadata; "": none
  std::string licence_field = "license";  // of the metadata; "": none
};

struct GroupCounts {
  std::int64_t rows = 0;      // written
  std::int64_t rejected = 0;  // by the gate
  std::int64_t failed = 0;
  std::int64_t text_bytes = 0;  // these three of the rows written
  std::int64_t document_tokens = 0;
  std::int64_t thinking_tokens = 0;

  bool operator==(const GroupCounts&) const = default;
};

// The same rows in the same order give the same statistics, wherever the run was interrupted.
// Groups (domains, licences, sources) beyond the first kMostGroups are counted as "(others)".
class RowStatistics {
 public:
  static constexpr std::size_t kMostGroups = 200;

  RowStatistics() = default;
  explicit RowStatistics(RowStatisticsOptions options) : options_(std::move(options)) {}

  void written(const AugmentedDocument& row);
  void rejected(const AugmentedDocument& row, std::string_view reason);
  void failed(const AugmentedDocument& row);
  // One of the first two: written where `reason` is "".
  void settled(const AugmentedDocument& row, std::string_view reason) {
    reason.empty() ? written(row) : rejected(row, reason);
  }

  // Documents: the first row of each, however it ended.
  std::int64_t documents() const { return documents_; }
  const GroupCounts& all() const { return all_; }
  const std::map<std::string, std::int64_t>& rejected_by_reason() const { return reasons_; }
  const std::map<std::string, std::int64_t>& finished_by() const { return finishes_; }
  const std::map<std::string, std::int64_t>& engines() const { return engines_; }
  const std::map<std::string, GroupCounts>& domains() const { return domains_; }
  const std::map<std::string, GroupCounts>& licences() const { return licences_; }
  const std::map<std::string, GroupCounts>& sources() const { return sources_; }
  // Of the rows written. A document's tokens are the prompt's without the template's, scaled to the
  // whole text where it was cut.
  const TokenHistogram& thinking_tokens() const { return thinking_; }
  const TokenHistogram& document_tokens() const { return document_; }
  const TokenHistogram& prompt_tokens() const { return prompt_; }
  // Of the rows written and rejected.
  const TokenHistogram& answer_tokens() const { return answers_; }
  std::int64_t most_chunks() const { return most_chunks_; }
  std::int64_t most_rollouts() const { return most_rollouts_; }

 private:
  // The groups a row counts in.
  template <typename Count>
  void each_group(const AugmentedDocument& row, Count count);
  GroupCounts& group(std::map<std::string, GroupCounts>& groups, const std::string& name);
  void count_document(const AugmentedDocument& row);

  RowStatisticsOptions options_;
  std::int64_t documents_ = 0;
  GroupCounts all_;
  std::map<std::string, std::int64_t> reasons_;
  std::map<std::string, std::int64_t> finishes_;
  std::map<std::string, std::int64_t> engines_;
  std::map<std::string, GroupCounts> domains_;
  std::map<std::string, GroupCounts> licences_;
  std::map<std::string, GroupCounts> sources_;
  TokenHistogram thinking_;
  TokenHistogram document_;
  TokenHistogram prompt_;
  TokenHistogram answers_;
  std::int64_t most_chunks_ = 1;
  std::int64_t most_rollouts_ = 1;
};

// The metadata's field as text; "" where there is none. Several values are joined with commas.
std::string metadata_text(std::string_view metadata, std::string_view field);

}  // namespace tpt::augment
