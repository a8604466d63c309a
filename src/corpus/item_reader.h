// One file of the corpus as a row of items, each a document or the reason why it is none.
#pragma once

#include "corpus/shard.h"
#include "records/document.h"

#include <cstdint>
#include <memory>
#include <string>

namespace tpt::corpus {

struct Item {
  Document document;      // its id is empty where the input has none
  std::int64_t line = 0;  // from 1, in the piece; the row in Parquet; 0 for a whole file
  std::string reason;     // why it is bad; "" for a document
  std::string beginning;  // of a bad item
};

class ItemReader {
 public:
  virtual ~ItemReader() = default;
  // False at the end. Error(data) for a file that cannot be decoded any further.
  [[nodiscard]] virtual bool next(Item& item) = 0;
  // Lines or rows of the file before the piece.
  virtual std::int64_t lines_before() { return 0; }
  // Of the piece, compressed as it is.
  virtual std::int64_t bytes_read() const = 0;
};

std::unique_ptr<ItemReader> open_lines(const FilePiece& piece, const Config& config);
std::unique_ptr<ItemReader> open_parquet(const FilePiece& piece, const Config& config);
// The row of `rows` that lies at byte `place` of the file, or the next behind it.
std::int64_t row_at(const InputFile& file, std::int64_t rows, std::int64_t place);
std::unique_ptr<ItemReader> open_text(const std::filesystem::path& path);

}  // namespace tpt::corpus
