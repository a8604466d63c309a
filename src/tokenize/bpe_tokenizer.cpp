#include "tokenize/bpe_tokenizer.h"

#include "base/error.h"
#include "base/utf8.h"
#include "tokenize/byte_alphabet.h"
#include "tokenize/unicode.h"
#include "tokenize/word_cache.h"

#include <algorithm>
#include <atomic>

namespace tpt::tokenize {
namespace {

std::vector<std::string> bytes_of_tokens(const BpeDefinition& definition) {
  std::vector<std::string> bytes = definition.tokens;
  for (std::string& token : bytes) {
    // Tokens outside the alphabet can only be specials: they stand for their names.
    token = from_alphabet(token).value_or(token);
  }
  for (const SpecialToken& special : definition.specials) {
    if (static_cast<std::size_t>(special.id) >= bytes.size()) {
      bytes.resize(static_cast<std::size_t>(special.id) + 1);
    }
    bytes[static_cast<std::size_t>(special.id)] = special.name;
  }
  return bytes;
}

// Ids by token text, leaving out those that only a name may give.
std::unordered_map<std::string_view, TokenId> ordinary_ids(const BpeDefinition& definition) {
  std::unordered_map<std::string_view, TokenId> ids;
  ids.reserve(definition.tokens.size());
  for (std::size_t id = 0; id < definition.tokens.size(); ++id) {
    if (!definition.tokens[id].empty()) {
      ids.emplace(definition.tokens[id], static_cast<TokenId>(id));
    }
  }
  for (const SpecialToken& special : definition.specials) {
    if (const auto found = ids.find(special.name);
        found != ids.end() && found->second == special.id) {
      ids.erase(found);
    }
  }
  return ids;
}

std::vector<Merge> merges_by_id(const BpeDefinition& definition,
                                const std::unordered_map<std::string_view, TokenId>& ids) {
  const auto id_of = [&](const std::string& token, const std::string& merge) {
    const auto found = ids.find(token);
    if (found == ids.end()) {
      user_error("{}: the merge \"{}\" needs the token \"{}\", which the vocabulary lacks",
                 definition.origin, merge, token);
    }
    return found->second;
  };
  std::vector<Merge> merges;
  merges.reserve(definition.merges.size());
  for (const auto& [left, right] : definition.merges) {
    const std::string both = left + " " + right;
    merges.push_back({id_of(left, both), id_of(right, both), id_of(left + right, both)});
  }
  return merges;
}

std::uint32_t next_serial() {
  static std::atomic<std::uint32_t> last{0};
  return ++last;
}

}  // namespace

BpeTokenizer::BpeTokenizer(BpeDefinition definition)
    : definition_(std::move(definition)),
      splitter_(definition_.splits, definition_.origin),
      bytes_(bytes_of_tokens(definition_)),
      merges_(merges_by_id(definition_, ordinary_ids(definition_))),
      serial_(next_serial()) {
  const auto ids = ordinary_ids(definition_);
  for (int byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(to_alphabet(std::string(1, static_cast<char>(byte))));
    byte_ids_[static_cast<std::size_t>(byte)] = found == ids.end() ? -1 : found->second;
  }
  if (std::all_of(byte_ids_.begin(), byte_ids_.end(), [](TokenId id) { return id < 0; })) {
    user_error("{}: the vocabulary has no byte tokens; only byte-level BPE is supported",
               definition_.origin);
  }
  if (definition_.ignore_merges) {
    for (const auto& [token, id] : ids) {
      whole_pieces_.emplace(bytes_[static_cast<std::size_t>(id)], id);
    }
  }
  for (const SpecialToken& special : definition_.specials) {
    specials_.emplace(special.name, special.id);
  }
  if (!definition_.json.empty()) {
    definition_.tokens = {};
    definition_.merges = {};
  }
}

void BpeTokenizer::append_byte(unsigned char byte, std::vector<TokenId>& ids) const {
  if (byte_ids_[byte] >= 0) {
    ids.push_back(byte_ids_[byte]);
  }
}

void BpeTokenizer::encode_piece(std::string_view piece, std::vector<TokenId>& ids) const {
  if (merges_.empty() && whole_pieces_.empty()) {
    for (const char byte : piece) {
      append_byte(static_cast<unsigned char>(byte), ids);
    }
    return;
  }
  static thread_local WordCache cache;
  static thread_local std::vector<TokenId> symbols;
  if (cache.find(serial_, piece, ids)) {
    return;
  }
  symbols.clear();
  if (const auto whole = whole_pieces_.find(piece); whole != whole_pieces_.end()) {
    symbols.push_back(whole->second);
  } else {
    for (const char byte : piece) {
      append_byte(static_cast<unsigned char>(byte), symbols);
    }
    merges_.apply(symbols);
  }
  cache.keep(serial_, piece, symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BpeTokenizer::encode(std::string_view text, std::vector<TokenId>& ids) const {
  const Splitter::Piece piece = [&](std::string_view part) { encode_piece(part, ids); };
  while (!text.empty()) {
    const std::string_view valid = text.substr(0, valid_utf8_prefix(text));
    if (definition_.nfc && may_need_nfc(valid)) {
      const std::string normal = to_nfc(valid);
      splitter_.split(normal, piece);
    } else {
      splitter_.split(valid, piece);
    }
    text.remove_prefix(valid.size());
    if (!text.empty()) {
      append_byte(static_cast<unsigned char>(text.front()), ids);
      text.remove_prefix(1);
    }
  }
}

std::string BpeTokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<std::size_t>(id) >= bytes_.size() ||
        bytes_[static_cast<std::size_t>(id)].empty()) {
      data_error("{}: {} is not the id of a token; ids are below {}", definition_.origin, id,
                 bytes_.size());
    }
    text += bytes_[static_cast<std::size_t>(id)];
  }
  return text;
}

std::optional<TokenId> BpeTokenizer::special(std::string_view name) const {
  const auto found = specials_.find(name);
  return found == specials_.end() ? std::nullopt : std::optional<TokenId>(found->second);
}

std::optional<TokenId> BpeTokenizer::end_of_text() const {
  // A chat model's configuration names the end of a turn; documents end with the token of
  // pre-training.
  for (const std::string_view name : {"<|endoftext|>", "<|end_of_text|>"}) {
    if (const auto id = special(name)) {
      return id;
    }
  }
  if (const auto id = special(definition_.end_of_text)) {
    return id;
  }
  return special("</s>");
}

std::string BpeTokenizer::to_json() const {
  return definition_.json.empty() ? write_tokenizer_json(definition_) : definition_.json;
}

}  // namespace tpt::tokenize
