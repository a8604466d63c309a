#include "corpus/count.h"

#include "storage/lines.h"
#include "storage/parquet.h"

namespace tpt::corpus {
namespace {

std::int64_t count_lines(const std::filesystem::path& path) {
  storage::LineReader lines(path);
  std::int64_t count = 0;
  for (storage::Line line; lines.next(line);) {
    count += line.text.find_first_not_of(" \t\r") != std::string_view::npos ? 1 : 0;
  }
  return count;
}

}  // namespace

std::optional<std::int64_t> count_items(const ShardPlan& plan) {
  std::int64_t count = 0;
  for (const FilePiece& piece : plan.pieces) {
    if (!piece.whole()) return std::nullopt;
    switch (piece.file.kind) {
      case FileKind::lines:
        count += count_lines(piece.file.path);
        break;
      case FileKind::parquet:
        count += storage::ParquetReader(piece.file.path).rows();
        break;
      case FileKind::text:
        ++count;
        break;
    }
  }
  return count;
}

}  // namespace tpt::corpus
