#include "base/utf8.h"
#include "corpus/item_reader.h"
#include "storage/byte_stream.h"

#include <vector>

namespace tpt::corpus {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{256} << 20U;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;
constexpr std::size_t kBeginningBytes = 200;

// A file that is one document.
class TextItem : public ItemReader {
 public:
  explicit TextItem(const std::filesystem::path& path) : stream_(storage::open_byte_stream(path)) {}

  bool next(Item& item) override {
    if (done_) return false;
    done_ = true;
    item = {};
    std::string& text = item.document.text;
    std::vector<char> piece(kPieceBytes);
    for (std::size_t got = 0; (got = stream_->read(piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), got);
      if (text.size() > kMaxTextBytes) {
        item.reason = "file too long for one document";
        break;
      }
    }
    if (item.reason.empty() && text.empty()) item.reason = "empty text";
    if (item.reason.empty() && !is_utf8(text)) {
      item.reason = "the text is not valid UTF-8";
    }
    if (!item.reason.empty()) item.beginning = text.substr(0, kBeginningBytes);
    return true;
  }

  std::int64_t bytes_read() const override { return stream_->file_bytes(); }

 private:
  std::unique_ptr<storage::ByteStream> stream_;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<ItemReader> open_text(const std::filesystem::path& path) {
  return std::make_unique<TextItem>(path);
}

}  // namespace tpt::corpus
