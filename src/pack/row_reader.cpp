#include "pack/row_reader.h"

#include "base/error.h"
#include "base/random.h"
#include "pack/row_plan.h"

#include <algorithm>

namespace tpt::pack {

struct RowReader::Plan {
  const ShardReader& shards;
  RowConfig config;
  std::unique_ptr<RowPlan> rows;
  RowCounts counts;
};

RowReader::RowReader(const ShardReader& shards, RowConfig config) {
  if (config.seq_length < 1 || config.seq_length > (std::int64_t{1} << 30U)) {
    user_error("seq_length: got {}, allowed 1 to {}", config.seq_length, std::int64_t{1} << 30U);
  }
  plan_ = std::make_unique<Plan>(Plan{shards, config, nullptr, {}});
  switch (config.policy) {
    case RowPolicy::concat:
      plan_->rows = make_concat_plan(shards, config);
      break;
    case RowPolicy::best_fit:
      plan_->rows = make_best_fit_plan(shards, config);
      break;
    case RowPolicy::pad:
      plan_->rows = make_pad_plan(shards, config);
      break;
  }
  plan_->counts = plan_->rows->counts();
}

RowReader::~RowReader() = default;
RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;

std::int64_t RowReader::rows() const { return plan_->counts.rows; }

const RowCounts& RowReader::counts() const { return plan_->counts; }

std::vector<Piece> RowReader::pieces(std::int64_t number) const {
  TPT_CHECK(number >= 0 && number < rows(), "row {} of {}", number, rows());
  return plan_->rows->pieces(number);
}

Row RowReader::row(std::int64_t number) const {
  const auto ids = static_cast<std::size_t>(plan_->config.seq_length) + 1;
  Row row;
  row.ids.reserve(ids);
  row.kinds.reserve(ids);
  for (const Piece& piece : pieces(number)) {
    row.starts.push_back(static_cast<std::int32_t>(row.ids.size()));
    plan_->shards.read(piece.sequence, piece.offset, piece.tokens, row.ids, row.kinds);
  }
  TPT_CHECK(row.ids.size() <= ids, "row {} holds {} ids", number, row.ids.size());
  row.ids.resize(ids, plan_->shards.padding());
  row.kinds.resize(ids, Kind::padding);
  return row;
}

}  // namespace tpt::pack
