#include "augment/piece.h"

#include "augment/chunks.h"

#include <utility>

namespace tpt::augment {

Piece whole(Document document) {
  Piece piece;
  piece.end = document.text.size();
  piece.document = std::make_shared<const Document>(std::move(document));
  return piece;
}

AugmentedDocument row_of(Piece piece) {
  AugmentedDocument row;
  row.chunk = piece.chunk;
  row.chunks = piece.chunks;
  row.trajectory.rollout = piece.rollout;
  if (piece.chunks == 1 && piece.document.use_count() == 1) {
    // Made as a Document that is not const, and nobody else has it.
    row.document = std::move(const_cast<Document&>(*piece.document));
    return row;
  }
  row.document = {.id = piece.document->id,
                  .text = std::string(piece.text()),
                  .source = piece.document->source,
                  .metadata = piece.document->metadata};
  return row;
}

Pieces::Pieces(const Config& config, Source<Document>& documents,
               const engine::TokenCounter& tokens)
    : config_(config), documents_(documents), tokens_(tokens) {}

bool Pieces::next(Piece& piece) {
  if (document_ == nullptr) {
    auto document = std::make_shared<Document>();
    if (!documents_.next(*document)) return false;
    ++documents_read_;
    ends_ = chunk_ends(document->text, config_.chunk_tokens, tokens_);
    document_ = std::move(document);
    chunk_ = 0;
    rollout_ = 0;
  }
  const auto at = static_cast<std::size_t>(chunk_);
  piece.document = document_;
  piece.begin = at == 0 ? 0 : ends_[at - 1];
  piece.end = ends_[at];
  piece.chunk = chunk_;
  piece.chunks = static_cast<std::int64_t>(ends_.size());
  piece.rollout = rollout_;
  if (++chunk_ == piece.chunks) {
    chunk_ = 0;
    if (++rollout_ == config_.rollouts) document_.reset();
  }
  return true;
}

std::int64_t Pieces::left_of_document() const {
  if (document_ == nullptr) return 0;
  return (config_.rollouts - rollout_) * static_cast<std::int64_t>(ends_.size()) - chunk_;
}

}  // namespace tpt::augment
