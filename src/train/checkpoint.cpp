#include "train/checkpoint.h"

#include "base/json.h"
#include "storage/atomic_file.h"
#include "storage/digests.h"
#include "tokenize/tokenizer.h"
#include "train/whole_folder.h"

#include <span>

namespace tpt::train {
namespace {

// What AutoTokenizer needs beside tokenizer.json.
Json tokenizer_config(const std::filesystem::path& tokenizer_file,
                      const pack::ShardReader& shards) {
  const auto tokenizer = tokenize::load_tokenizer(tokenizer_file.string());
  const auto name_of = [&](TokenId id) { return tokenizer->decode(std::span(&id, 1)); };
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false},
                 {"pad_token", name_of(shards.padding())}};
  if (shards.end_of_text()) {
    config["eos_token"] = name_of(*shards.end_of_text());
  }
  return config;
}

}  // namespace

void write_checkpoint(const model::Transformer& network, const pack::ShardReader& shards,
                      const std::filesystem::path& folder) {
  write_whole_folder(folder, [&](const std::filesystem::path& partial) {
    model::save_transformer(network, partial);
    Json generation = {{"do_sample", false}, {"pad_token_id", shards.padding()}};
    if (shards.end_of_text()) {
      generation["eos_token_id"] = *shards.end_of_text();
    }
    storage::write_file_atomically(partial / "generation_config.json",
                                   dump_json_pretty(generation));
    const std::filesystem::path tokenizer = shards.tokenizer_file();
    if (std::filesystem::exists(tokenizer)) {
      storage::write_file_atomically(partial / "tokenizer.json", storage::read_file(tokenizer));
      storage::write_file_atomically(partial / "tokenizer_config.json",
                                     dump_json_pretty(tokenizer_config(tokenizer, shards)));
    }
    storage::write_digests(partial);
  });
}

}  // namespace tpt::train
