#include "train/checkpoint.h"

#include "base/json.h"
#include "model/companions.h"
#include "storage/atomic_file.h"
#include "storage/digests.h"
#include "tokenize/chat_layout.h"
#include "tokenize/tokenizer.h"
#include "train/whole_folder.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tpt::train {
namespace {

namespace fs = std::filesystem;
using tokenize::Chat;

constexpr std::array kCompleted = {"generation_config.json", "tokenizer_config.json",
                                   "special_tokens_map.json"};

bool says(const Json& json, const char* key) {
  return json.contains(key) && !json.at(key).is_null();
}

// Untouched where it says the same already, so that its bytes stay as they were.
void update(const fs::path& file, const Json& before, const Json& after) {
  if (!fs::exists(file) || before != after) {
    storage::write_file_atomically(file, dump_json_pretty(after));
  }
}

class Companions {
 public:
  Companions(const pack::ShardReader& shards, const fs::path& folder)
      : shards_(shards), folder_(folder), chat_(shards.chat()) {
    const fs::path file = shards.tokenizer_file();
    if (!fs::exists(file)) return;
    tokenizer_ = tokenize::load_tokenizer(file.string());
    storage::write_file_atomically(folder / "tokenizer.json", storage::read_file(file));
  }

  void complete() const {
    complete_generation();
    if (!tokenizer_) return;
    complete_tokenizer();
    complete_special_tokens();
  }

 private:
  std::string name_of(TokenId id) const { return tokenizer_->decode(std::span(&id, 1)); }

  std::string_view end_of_turn() const {
    return chat_ == Chat::plain ? "" : tokenize::chat_layout(chat_).end_token;
  }

  // What the shards end with, behind what the model knew: transformers stops at any of them.
  void complete_generation() const {
    const fs::path file = folder_ / "generation_config.json";
    const Json before = model::read_object_if_there(file);
    Json after = before;
    if (before.empty()) after["do_sample"] = false;
    if (!says(after, "pad_token_id")) after["pad_token_id"] = shards_.padding();
    std::vector<TokenId> ends = model::end_ids_in(folder_);
    const auto add = [&](std::optional<TokenId> id) {
      if (id && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
    };
    if (tokenizer_) add(tokenizer_->special(end_of_turn()));
    add(shards_.end_of_text());
    const Json all = ends.size() == 1 ? Json(ends.front()) : Json(ends);
    const bool same = says(after, "eos_token_id") && after["eos_token_id"].is_array() &&
                      after["eos_token_id"].size() == ends.size();
    if (!ends.empty() && !same) after["eos_token_id"] = all;
    update(file, before, after);
  }

  // What AutoTokenizer needs beside tokenizer.json.
  void complete_tokenizer() const {
    const fs::path file = folder_ / "tokenizer_config.json";
    const Json before = model::read_object_if_there(file);
    Json after = before;
    if (!says(after, "tokenizer_class")) after["tokenizer_class"] = "PreTrainedTokenizerFast";
    if (before.empty()) after["clean_up_tokenization_spaces"] = false;
    if (!says(after, "pad_token")) after["pad_token"] = name_of(shards_.padding());
    if (chat_ != Chat::plain) {
      after["eos_token"] = end_of_turn();
    } else if (!says(after, "eos_token") && shards_.end_of_text()) {
      after["eos_token"] = name_of(*shards_.end_of_text());
    }
    const bool is_written = chat_ == Chat::plain ||
                            tokenize::chat_of_template(model::chat_template_in(folder_)) == chat_;
    if (!is_written) {
      after["chat_template"] = tokenize::chat_template(chat_, shards_.begin_of_text());
      for (const char* other : {"chat_template.jinja", "chat_template.json"}) {
        fs::remove(folder_ / other);
      }
    }
    update(file, before, after);
  }

  // Older versions of transformers believe this file more than tokenizer_config.json.
  void complete_special_tokens() const {
    const fs::path file = folder_ / "special_tokens_map.json";
    const Json before = model::read_object_if_there(file);
    if (chat_ == Chat::plain || !says(before, "eos_token")) return;
    Json after = before;
    after["eos_token"] = end_of_turn();
    update(file, before, after);
  }

  const pack::ShardReader& shards_;
  fs::path folder_;
  Chat chat_;
  std::unique_ptr<tokenize::Tokenizer> tokenizer_;
};

}  // namespace

fs::path kept_source(const fs::path& init_from, const fs::path& run_folder) {
  if (init_from.empty()) {
    return {};
  }
  const fs::path kept = run_folder / "source";
  if (!fs::exists(kept)) {
    write_whole_folder(kept, [&](const fs::path& partial) {
      storage::write_file_atomically(partial / "config.json",
                                     storage::read_file(init_from / "config.json"));
      model::copy_companions(init_from, partial);
      // A damaged one ends the run here and not at its first checkpoint.
      for (const char* name : kCompleted) model::read_object_if_there(partial / name);
    });
  }
  return kept;
}

void write_checkpoint(const model::Transformer& network, const pack::ShardReader& shards,
                      const fs::path& source, const fs::path& folder) {
  write_whole_folder(folder, [&](const fs::path& partial) {
    model::save_transformer(network, partial, {.companions = source});
    Companions(shards, partial).complete();
    storage::write_digests(partial);
  });
}

}  // namespace tpt::train
