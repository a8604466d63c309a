#include "pack/shard_reader.h"

#include "base/error.h"
#include "pack/mapped_file.h"
#include "pack/pack.h"
#include "pack/shard_layout.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <utility>

namespace tpt::pack {
namespace {

// The end of the files' common name: "folder/tpt_text_document" for a folder.
std::filesystem::path prefix_of(const std::filesystem::path& folder_or_prefix) {
  if (std::filesystem::is_directory(folder_or_prefix)) {
    return folder_or_prefix / kShardPrefix;
  }
  return folder_or_prefix;
}

std::filesystem::path with_ending(const std::filesystem::path& prefix, const char* ending) {
  return prefix.string() + ending;
}

}  // namespace

std::vector<std::filesystem::path> shard_paths(const std::filesystem::path& folder_or_prefix) {
  const std::filesystem::path index = with_ending(folder_or_prefix, ".idx");
  if (std::filesystem::is_directory(folder_or_prefix) || !std::filesystem::exists(index)) {
    return {folder_or_prefix};
  }
  std::vector<std::filesystem::path> files;
  for (const char* ending : {".bin", ".idx", ".spans", ".names"}) {
    const std::filesystem::path file = with_ending(folder_or_prefix, ending);
    if (std::filesystem::exists(file)) {
      files.push_back(file);
    }
  }
  return files;
}

struct ShardReader::State {
  std::filesystem::path prefix;
  std::filesystem::path index_path;
  std::filesystem::path spans_path;
  MappedFile bin;
  MappedFile index;
  MappedFile spans;
  std::filesystem::path names_path;
  MappedFile names;
  bool has_names = false;
  bool has_spans = false;
  std::size_t id_bytes = 4;
  std::size_t sequences = 0;
  std::size_t span_count = 0;
  std::int64_t vocab_size = 0;
  std::int64_t id_limit = 0;  // ids are below it; 0: any
  std::optional<TokenId> end_of_text;
  TokenId padding = 0;
  Config settings;
  bool has_examples = false;
  Json info;

  void open(const std::filesystem::path& folder_or_prefix);
  void check_index();
  void open_spans();
  void open_names();
  void read_info();
  void read_settings();

  std::size_t length(std::size_t sequence) const {
    return static_cast<std::size_t>(index.at<std::int32_t>(kIndexHeaderBytes + 4 * sequence));
  }
  std::size_t byte_offset(std::size_t sequence) const {
    return static_cast<std::size_t>(
        index.at<std::int64_t>(kIndexHeaderBytes + 4 * sequences + 8 * sequence));
  }
  std::size_t first_span(std::size_t sequence) const {
    return static_cast<std::size_t>(spans.at<std::uint64_t>(kSpansHeaderBytes + 8 * sequence));
  }
  TokenId id(std::size_t sequence, std::size_t position) const;
  std::vector<Span> spans_of(std::size_t sequence) const;
  std::size_t checked(std::int64_t sequence) const;
};

void ShardReader::State::open(const std::filesystem::path& folder_or_prefix) {
  prefix = prefix_of(folder_or_prefix);
  if (std::filesystem::is_directory(folder_or_prefix) &&
      !std::filesystem::exists(folder_or_prefix / kShardInfo)) {
    data_error("{}: no {}: the shard is missing or unfinished; run the packing again",
               folder_or_prefix.string(), kShardInfo);
  }
  index_path = with_ending(prefix, ".idx");
  spans_path = with_ending(prefix, ".spans");
  index = MappedFile(index_path);
  bin = MappedFile(with_ending(prefix, ".bin"));
  if (index.size() < kIndexHeaderBytes || index.bytes(0, 9) != kIndexMagic) {
    data_error("{}: not a Megatron index (MMIDIDX)", index_path.string());
  }
  if (index.at<std::uint64_t>(9) != kIndexVersion) {
    data_error("{}: version {}; 1 is supported", index_path.string(), index.at<std::uint64_t>(9));
  }
  const auto dtype = index.at<std::uint8_t>(17);
  if (dtype != kDtypeUint16 && dtype != kDtypeInt32) {
    data_error("{}: dtype {}; 4 (i32) and 8 (u16) are supported", index_path.string(), dtype);
  }
  id_bytes = dtype == kDtypeUint16 ? 2 : 4;
  check_index();
  read_info();
  open_spans();
  open_names();
}

void ShardReader::State::check_index() {
  const auto claimed = index.at<std::uint64_t>(18);
  const auto documents = index.at<std::uint64_t>(26);
  const std::uint64_t room = index.size() - kIndexHeaderBytes;
  // Compared one by one, so that absurd counts cannot overflow the sum.
  if (claimed > room / 12 || documents > room / 8 || 12 * claimed + 8 * documents != room) {
    data_error("{}: {} sequences and {} document indices do not make a file of {} bytes",
               index_path.string(), claimed, documents, index.size());
  }
  sequences = static_cast<std::size_t>(claimed);
  std::uint64_t next_byte = 0;
  for (std::size_t i = 0; i < sequences; ++i) {
    const auto tokens = index.at<std::int32_t>(kIndexHeaderBytes + 4 * i);
    if (tokens < 0 || byte_offset(i) != next_byte) {
      data_error("{}: sequence {} has {} tokens at byte {}; expected byte {}", index_path.string(),
                 i, tokens, byte_offset(i), next_byte);
    }
    next_byte += static_cast<std::uint64_t>(tokens) * id_bytes;
  }
  if (next_byte != bin.size()) {
    data_error("{}.bin: {} bytes; the index accounts for {}", prefix.string(), bin.size(),
               next_byte);
  }
  std::uint64_t previous = 0;
  for (std::uint64_t i = 0; i < documents; ++i) {
    const auto end = index.at<std::uint64_t>(kIndexHeaderBytes + 12 * claimed + 8 * i);
    if ((i == 0 && end != 0) || end < previous || (i + 1 == documents && end != claimed)) {
      data_error("{}: document index {} is {}", index_path.string(), i, end);
    }
    previous = end;
  }
}

void ShardReader::State::open_spans() {
  if (!std::filesystem::exists(spans_path)) {
    if (!info.is_null()) {
      data_error("{}: missing beside {}", spans_path.string(), kShardInfo);
    }
    return;
  }
  spans = MappedFile(spans_path);
  if (spans.size() < kSpansHeaderBytes || spans.bytes(0, 8) != kSpansMagic ||
      spans.at<std::uint64_t>(8) != kSpansVersion) {
    data_error("{}: not a spans file of version {}", spans_path.string(), kSpansVersion);
  }
  const auto count = spans.at<std::uint64_t>(24);
  const std::uint64_t room = spans.size() - kSpansHeaderBytes;
  if (spans.at<std::uint64_t>(16) != sequences || room / 8 < sequences + 1 ||
      count != (room - 8 * (sequences + 1)) / kSpanBytes ||
      (room - 8 * (sequences + 1)) % kSpanBytes != 0) {
    data_error("{}: {} spans of {} sequences do not make a file of {} bytes", spans_path.string(),
               count, spans.at<std::uint64_t>(16), spans.size());
  }
  span_count = static_cast<std::size_t>(count);
  has_spans = true;
}

void ShardReader::State::open_names() {
  names_path = with_ending(prefix, ".names");
  if (!std::filesystem::exists(names_path)) {
    return;
  }
  names = MappedFile(names_path);
  if (names.size() < kNamesHeaderBytes || names.bytes(0, 8) != kNamesMagic ||
      names.at<std::uint64_t>(8) != kNamesVersion) {
    data_error("{}: not a names file of version {}", names_path.string(), kNamesVersion);
  }
  const std::uint64_t room = names.size() - kNamesHeaderBytes;
  const std::uint64_t numbers = 8 * (sequences + 1);
  if (names.at<std::uint64_t>(16) != sequences || room < numbers ||
      names.at<std::uint64_t>(kNamesHeaderBytes + 8 * sequences) != room - numbers) {
    data_error("{}: {} names do not make a file of {} bytes", names_path.string(),
               names.at<std::uint64_t>(16), names.size());
  }
  has_names = true;
}

void ShardReader::State::read_info() {
  const std::filesystem::path path = prefix.parent_path() / kShardInfo;
  if (!std::filesystem::exists(path)) {
    return;
  }
  info = parse_json(storage::read_file(path), path.string());
  try {
    if (info.at("sequences").get<std::size_t>() != sequences ||
        info.at("tokens").get<std::size_t>() * id_bytes != bin.size()) {
      data_error("{}: {} sequences, {} tokens; the shard has {} and {}", path.string(),
                 info.at("sequences").dump(), info.at("tokens").dump(), sequences,
                 bin.size() / id_bytes);
    }
    vocab_size = id_limit = info.at("vocab_size").get<std::int64_t>();
    end_of_text = info.at("end_of_text").get<TokenId>();
    padding = info.at("padding").get<TokenId>();
    read_settings();
  } catch (const nlohmann::json::exception& error) {
    data_error("{}: {}", path.string(), error.what());
  }
  const auto in_vocabulary = [&](TokenId id) { return id >= 0 && id < vocab_size; };
  if (!in_vocabulary(*end_of_text) || !in_vocabulary(padding)) {
    data_error("{}: end of text {} and padding {} are not both below {}", path.string(),
               *end_of_text, padding, vocab_size);
  }
}

// Those that say how examples are written; other versions of the packer may have other options.
void ShardReader::State::read_settings() {
  if (!info.contains("settings") || !info.contains("counts")) {
    return;
  }
  Fields fields("pack");
  describe(fields, settings);
  for (const char* name : {"chat", "begin_of_text"}) {
    if (info.at("settings").contains(name)) {
      fields.set(name, info.at("settings").at(name));
    }
  }
  const Json tokens = info.at("counts").value("tokens", Json::object());
  has_examples = tokens.value("answer", std::int64_t{0}) > 0;
}

TokenId ShardReader::State::id(std::size_t sequence, std::size_t position) const {
  const std::size_t at = byte_offset(sequence) + position * id_bytes;
  const TokenId value =
      id_bytes == 2 ? static_cast<TokenId>(bin.at<std::uint16_t>(at)) : bin.at<std::int32_t>(at);
  if (value < 0 || (id_limit > 0 && value >= id_limit)) {
    data_error("{}.bin: sequence {} holds the id {}; ids are below {}", prefix.string(), sequence,
               value, id_limit);
  }
  return value;
}

std::vector<Span> ShardReader::State::spans_of(std::size_t sequence) const {
  const std::size_t tokens = length(sequence);
  if (!has_spans) {
    if (tokens == 0) {
      return {};
    }
    return {{Kind::document, static_cast<std::int32_t>(tokens)}};
  }
  const std::size_t first = first_span(sequence);
  const std::size_t last = first_span(sequence + 1);
  const std::size_t start = kSpansHeaderBytes + 8 * (sequences + 1);
  std::vector<Span> found;
  std::size_t sum = 0;
  if (first > last || last > span_count) {
    data_error("{}: sequence {} has the spans {} to {} of {}", spans_path.string(), sequence, first,
               last, span_count);
  }
  for (std::size_t i = first; i < last; ++i) {
    const auto kind = spans.at<std::uint8_t>(start + kSpanBytes * i);
    const auto length = spans.at<std::int32_t>(start + kSpanBytes * i + 1);
    if (kind > static_cast<std::uint8_t>(Kind::answer) || length <= 0) {
      data_error("{}: span {} has kind {} and {} tokens", spans_path.string(), i, kind, length);
    }
    found.push_back({static_cast<Kind>(kind), length});
    sum += static_cast<std::size_t>(length);
  }
  if (sum != tokens) {
    data_error("{}: the spans of sequence {} add up to {} of {} tokens", spans_path.string(),
               sequence, sum, tokens);
  }
  return found;
}

std::size_t ShardReader::State::checked(std::int64_t sequence) const {
  TPT_CHECK(sequence >= 0 && static_cast<std::size_t>(sequence) < sequences, "sequence {} of {}",
            sequence, sequences);
  return static_cast<std::size_t>(sequence);
}

ShardReader::ShardReader(const std::filesystem::path& folder_or_prefix)
    : state_(std::make_unique<State>()) {
  state_->open(folder_or_prefix);
}

ShardReader::~ShardReader() = default;
ShardReader::ShardReader(ShardReader&&) noexcept = default;
ShardReader& ShardReader::operator=(ShardReader&&) noexcept = default;

std::int64_t ShardReader::sequences() const { return static_cast<std::int64_t>(state_->sequences); }

std::int64_t ShardReader::tokens() const {
  return static_cast<std::int64_t>(state_->bin.size() / state_->id_bytes);
}

std::int64_t ShardReader::length(std::int64_t sequence) const {
  return static_cast<std::int64_t>(state_->length(state_->checked(sequence)));
}

std::string ShardReader::name(std::int64_t sequence) const {
  const std::size_t number = state_->checked(sequence);
  if (!state_->has_names) {
    return "";
  }
  const std::size_t ends = kNamesHeaderBytes + 8 * number;
  const std::size_t bytes = kNamesHeaderBytes + 8 * (state_->sequences + 1);
  const auto from = state_->names.at<std::uint64_t>(ends);
  const auto to = state_->names.at<std::uint64_t>(ends + 8);
  if (from > to || to > state_->names.size() - bytes) {
    data_error("{}: the name of sequence {} lies at {} to {}", state_->names_path.string(), number,
               from, to);
  }
  return std::string(state_->names.bytes(bytes + from, to - from));
}

TokenSequence ShardReader::sequence(std::int64_t sequence) const {
  const std::size_t number = state_->checked(sequence);
  TokenSequence result;
  result.spans = state_->spans_of(number);
  const std::size_t length = state_->length(number);
  result.ids.reserve(length);
  for (std::size_t i = 0; i < length; ++i) {
    result.ids.push_back(state_->id(number, i));
  }
  return result;
}

void ShardReader::read(std::int64_t sequence, std::int64_t offset, std::int64_t count,
                       std::vector<TokenId>& ids, std::vector<Kind>& kinds) const {
  const std::size_t number = state_->checked(sequence);
  TPT_CHECK(offset >= 0 && count >= 0 && offset + count <= length(sequence),
            "tokens {} to {} of sequence {}", offset, offset + count, sequence);
  const auto begin = static_cast<std::size_t>(offset);
  const auto end = static_cast<std::size_t>(offset + count);
  for (std::size_t i = begin; i < end; ++i) {
    ids.push_back(state_->id(number, i));
  }
  std::size_t at = 0;
  for (const Span& span : state_->spans_of(number)) {
    const std::size_t next = at + static_cast<std::size_t>(span.tokens);
    const std::size_t from = std::max(at, begin);
    const std::size_t to = std::min(next, end);
    if (from < to) {
      kinds.insert(kinds.end(), to - from, span.kind);
    }
    at = next;
  }
}

void ShardReader::limit_ids(std::int64_t vocab_size) {
  if (state_->vocab_size == 0) {
    state_->id_limit = vocab_size;
  }
}

bool ShardReader::has_spans() const { return state_->has_spans; }
std::int64_t ShardReader::vocab_size() const { return state_->vocab_size; }
std::optional<TokenId> ShardReader::end_of_text() const { return state_->end_of_text; }
Chat ShardReader::chat() const {
  return state_->has_examples ? state_->settings.chat : Chat::plain;
}
std::string ShardReader::begin_of_text() const { return state_->settings.begin_of_text; }
TokenId ShardReader::padding() const { return state_->padding; }

std::filesystem::path ShardReader::tokenizer_file() const {
  return state_->prefix.parent_path() / kShardTokenizer;
}

const Json& ShardReader::info() const { return state_->info; }

}  // namespace tpt::pack
