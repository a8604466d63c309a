// One file of the corpus as a row of items, each a document or the reason why it is none.
#pragma once

#include "corpus/config.h"
#include "records/document.h"

#include <cstdint>
#include <memory>
#include <string>

namespace tpt::corpus {

struct Item {
  Document document;      // its id is empty where the input has none
  std::int64_t line = 0;  // from 1; the row in Parquet; 0 for a whole file
  std::string reason;     // why it is bad; "" for a document
  std::string beginning;  // of a bad item
};

class ItemReader {
 public:
  virtual ~ItemReader() = default;
  // False at the end. Error(data) for a file that cannot be decoded any further.
  [[nodiscard]] virtual bool next(Item& item) = 0;
  // Of the file, compressed as it is.
  virtual std::int64_t bytes_read() const = 0;
};

std::unique_ptr<ItemReader> open_lines(const std::filesystem::path& path, const Config& config);
std::unique_ptr<ItemReader> open_parquet(const InputFile& file, const Config& config);
std::unique_ptr<ItemReader> open_text(const std::filesystem::path& path);

}  // namespace tpt::corpus
