// Reads shards: ids of any sequence by number, and what each token is for. Files are mapped into
// memory, so opening is quick and reading from several threads is safe.
#pragma once

#include "base/json.h"
#include "records/sample.h"
#include "tokenize/chat_layout.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tpt::pack {

// What belongs to shards by the name that ShardReader takes: the folder, or the files of the pair.
std::vector<std::filesystem::path> shard_paths(const std::filesystem::path& folder_or_prefix);

class ShardReader {
 public:
  // A folder that write_shards filled, or the prefix of any Megatron .bin/.idx pair. Error(io) for
  // missing files; Error(data) naming the file for anything that is not as docs/formats.md says.
  explicit ShardReader(const std::filesystem::path& folder_or_prefix);
  ~ShardReader();
  ShardReader(ShardReader&&) noexcept;
  ShardReader& operator=(ShardReader&&) noexcept;

  std::int64_t sequences() const;
  std::int64_t tokens() const;
  std::int64_t length(std::int64_t sequence) const;  // in tokens
  // The id of the document or example it is made of; "" in shards of other tools and older ones.
  // Error(data) where the file of names does not say.
  std::string name(std::int64_t sequence) const;
  // The whole sequence with its spans; its id is empty (name() gives it).
  TokenSequence sequence(std::int64_t sequence) const;
  // Appends `count` tokens from `offset` on, with their kinds. Error(data) for an id outside the
  // vocabulary, where it is known, or spans that do not add up.
  void read(std::int64_t sequence, std::int64_t offset, std::int64_t count,
            std::vector<TokenId>& ids, std::vector<Kind>& kinds) const;

  // The vocabulary to refuse ids by where no shard.json says it.
  void limit_ids(std::int64_t vocab_size);

  // False for shards of other tools: then every token counts as kind document.
  bool has_spans() const;
  // 0 where shard.json is missing.
  std::int64_t vocab_size() const;
  std::optional<TokenId> end_of_text() const;
  // How the turns of its examples are written; plain where it holds no examples.
  tokenize::Chat chat() const;
  // The name of the token before every sample; "" for none.
  std::string begin_of_text() const;
  // What to fill rows with: the tokenizer's <|pad|>, else the end of text, else 0.
  TokenId padding() const;
  // tokenizer.json beside the shard; may not exist for shards of other tools.
  std::filesystem::path tokenizer_file() const;
  // shard.json as it stands; null where it is missing.
  const Json& info() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tpt::pack
