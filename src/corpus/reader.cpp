#include "corpus/reader.h"

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "corpus/item_reader.h"
#include "storage/atomic_file.h"

#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace tpt::corpus {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<ItemReader> open_items(const FilePiece& piece, const Config& config) {
  switch (piece.file.kind) {
    case FileKind::lines:
      return open_lines(piece, config);
    case FileKind::parquet:
      return open_parquet(piece, config);
    case FileKind::text:
      return open_text(piece.file.path);
  }
  TPT_CHECK(false, "unknown kind of file");
  return nullptr;
}

// Ids by their 64-bit hash: among a thousand million ids two fall together once in 37 corpora.
class SeenIds {
 public:
  // False where it was there before.
  bool add(const std::string& id) { return hashes_.insert(hash(id)).second; }

 private:
  static std::uint64_t hash(const std::string& id) {
    std::uint64_t value = 0xcbf29ce484222325U;
    for (const char letter : id) {
      value = (value ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
    }
    // FNV alone leaves the upper bits poor for short keys.
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
  }

  std::unordered_set<std::uint64_t> hashes_;
};

// Takes the text of a field out of the document's metadata; why there is none, or "".
std::string take_thinking(Document& document, const std::string& column, std::string& thinking) {
  Json fields = parse_json(document.metadata, document.id);
  const auto found = fields.find(column);
  if (found == fields.end() || found->is_null()) return "there is no field " + column;
  if (!found->is_string()) return "the field " + column + " holds no text";
  thinking = found->get<std::string>();
  if (thinking.find_first_not_of(" \t\r\n") == std::string::npos) {
    return "the field " + column + " is empty";
  }
  if (!is_utf8(thinking)) return "the field " + column + " is not valid UTF-8";
  fields.erase(found);
  document.metadata = dump_json(fields);
  return "";
}

}  // namespace

struct Reader::State {
  Config config;
  fs::path bad_items_path;
  std::vector<FilePiece> pieces;
  std::size_t next_piece = 0;
  std::unique_ptr<ItemReader> items;
  std::int64_t bytes_before = 0;  // of the files that are done
  std::int64_t bytes_total = 0;
  std::optional<storage::AtomicFile> bad_items;
  SeenIds seen;
  std::string thinking;
  Counts counts;
  bool ended = false;

  const FilePiece& piece() const { return pieces[next_piece - 1]; }
  const fs::path& path() const { return piece().file.path; }
  // In the file, of an item of the piece.
  std::int64_t line_of(const Item& item) {
    return item.line > 0 ? items->lines_before() + item.line : 0;
  }

  void set_aside(std::int64_t line, const std::string& reason, const std::string& beginning) {
    ++counts.bad_items;
    const std::string place =
        line > 0 ? fmt::format("{}:{}", path().string(), line) : path().string();
    if (config.strict) data_error("{}: {}", place, reason);
    if (counts.bad_items <= 3 && !bad_items_path.empty())
      log_warning("{}: {}: kept aside", place, reason);
    if (bad_items_path.empty()) return;
    if (!bad_items) bad_items.emplace(bad_items_path);
    const Json record = {
        {"file", path().string()}, {"line", line}, {"reason", reason}, {"beginning", beginning}};
    bad_items->write(dump_json(record) + "\n");
  }

  // The next item of the open file; false at its end, or where it cannot be decoded any further.
  bool next_item(Item& item) {
    try {
      if (items == nullptr) {
        items = open_items(piece(), config);
        ++counts.files;
      }
      return items->next(item);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      std::string reason = error.what();
      if (const std::string prefix = path().string() + ": "; reason.starts_with(prefix)) {
        reason.erase(0, prefix.size());
      }
      set_aside(0, reason, "");
      return false;
    }
  }

  bool open_next_file() {
    if (next_piece > 0) bytes_before += piece().end - piece().begin;
    items.reset();
    if (next_piece == pieces.size()) return false;
    ++next_piece;
    return true;
  }

  void end() {
    if (ended) return;
    ended = true;
    if (bad_items) bad_items->commit();
    const auto all = static_cast<double>(counts.bad_items + counts.documents);
    if (static_cast<double>(counts.bad_items) > config.max_bad_share * all) {
      data_error(
          "{} of {} items of the corpus are bad, more than corpus.max_bad_share = {} allows{}",
          counts.bad_items, static_cast<std::int64_t>(all), config.max_bad_share,
          bad_items_path.empty() ? "" : "; each stands in " + bad_items_path.string());
    }
  }
};

Json to_json(const Counts& counts) {
  return {{"files", counts.files},
          {"documents", counts.documents},
          {"bytes", counts.bytes},
          {"bad_items", counts.bad_items}};
}

Reader::Reader(Config config, fs::path bad_items_file, Shard shard)
    : state_(std::make_unique<State>()) {
  state_->pieces = plan_shard(input_files(config), shard).pieces;
  state_->config = std::move(config);
  state_->bad_items_path = std::move(bad_items_file);
  for (const FilePiece& piece : state_->pieces) {
    state_->bytes_total += piece.end - piece.begin;
  }
}

Reader::~Reader() = default;

bool Reader::next(Document& document) {
  State& state = *state_;
  if (state.ended) return false;
  if (state.config.limit > 0 && state.counts.documents >= state.config.limit) {
    state.end();
    return false;
  }
  if (state.next_piece == 0 && !state.open_next_file()) return false;
  for (Item item;;) {
    if (!state.next_item(item)) {
      if (state.open_next_file()) continue;
      state.end();
      return false;
    }
    if (!item.reason.empty()) {
      state.set_aside(state.line_of(item), item.reason, item.beginning);
      continue;
    }
    document = std::move(item.document);
    document.source = state.path().string();
    if (document.id.empty()) {
      document.id = item.line > 0 ? fmt::format("{}:{}", document.source, state.line_of(item))
                                  : document.source;
    }
    if (!state.config.thinking_column.empty()) {
      const std::string lack =
          take_thinking(document, state.config.thinking_column, state.thinking);
      if (!lack.empty()) {
        state.set_aside(state.line_of(item), lack, document.text.substr(0, 200));
        continue;
      }
    }
    if (state.config.check_ids && !state.seen.add(document.id)) {
      state.set_aside(state.line_of(item), "the id " + document.id + " came before",
                      document.text.substr(0, 200));
      continue;
    }
    ++state.counts.documents;
    state.counts.bytes += static_cast<std::int64_t>(document.text.size());
    return true;
  }
}

const std::string& Reader::thinking() const { return state_->thinking; }

const Counts& Reader::counts() const { return state_->counts; }

std::int64_t Reader::bytes_read() const {
  return state_->bytes_before + (state_->items != nullptr ? state_->items->bytes_read() : 0);
}

std::int64_t Reader::bytes_total() const { return state_->bytes_total; }

}  // namespace tpt::corpus
