// What one row is about: a chunk of a document and a rollout, in the order of the rows.
#pragma once

#include "augment/augment.h"
#include "base/source.h"
#include "engine/engine.h"
#include "records/document.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tpt::augment {

struct Piece {
  std::shared_ptr<const Document> document;  // shared by the pieces of one document
  std::size_t begin = 0;                     // of the chunk in the document's text
  std::size_t end = 0;
  std::int64_t chunk = 0;
  std::int64_t chunks = 1;
  std::int64_t rollout = 0;

  std::string_view text() const {
    return std::string_view(document->text).substr(begin, end - begin);
  }
  // The text of the document before the chunk.
  std::string_view before() const { return std::string_view(document->text).substr(0, begin); }
  const std::string& id() const { return document->id; }
};

// The document as one piece.
Piece whole(Document document);

// The row of a piece, without its trajectory. Moves the document's text where nobody else needs it.
AugmentedDocument row_of(Piece piece);

// Document after document, its rollouts, and the chunks of each.
class Pieces {
 public:
  Pieces(const Config& config, Source<Document>& documents, const engine::TokenCounter& tokens);

  // The next one; false at the end. Throws what the source throws.
  bool next(Piece& piece);
  std::int64_t documents_read() const { return documents_read_; }
  // Pieces of the document that were not given yet.
  std::int64_t left_of_document() const;

 private:
  const Config& config_;
  Source<Document>& documents_;
  const engine::TokenCounter& tokens_;
  std::shared_ptr<const Document> document_;
  std::vector<std::size_t> ends_;  // of its chunks
  std::int64_t chunk_ = 0;         // the next one
  std::int64_t rollout_ = 0;
  std::int64_t documents_read_ = 0;
};

}  // namespace tpt::augment
