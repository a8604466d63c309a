#include "train/starting_point.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "storage/atomic_file.h"
#include "tokenize/json_parts.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace tpt::train {
namespace {

namespace fs = std::filesystem;

struct Vocabulary {
  std::map<std::string, std::int64_t> ids;  // ordered, so that a message is always the same
  std::vector<std::string> merges;
};

Vocabulary read_vocabulary(const fs::path& file, const std::string& text) {
  using PlainJson = nlohmann::json;  // Json looks keys up one after another
  const PlainJson json = tokenize::parse_large_json(text, file.string());
  Vocabulary vocabulary;
  try {
    for (const auto& [token, id] : json.at("model").at("vocab").items()) {
      vocabulary.ids[token] = id.get<std::int64_t>();
    }
    for (const PlainJson& token : json.value("added_tokens", PlainJson::array())) {
      vocabulary.ids[token.at("content").get<std::string>()] = token.at("id").get<std::int64_t>();
    }
    // Older files write a merge as "a b", newer ones as ["a", "b"].
    for (const PlainJson& merge : json.at("model").value("merges", PlainJson::array())) {
      vocabulary.merges.push_back(merge.is_string() ? merge.get<std::string>()
                                                    : merge.at(0).get<std::string>() + " " +
                                                          merge.at(1).get<std::string>());
    }
  } catch (const nlohmann::json::exception& problem) {
    data_error("{}: not a tokenizer.json with a vocabulary: {}", file.string(), problem.what());
  }
  return vocabulary;
}

// With as many positions as were asked for. A stretched rotary base is for rows as long as the
// run's.
model::Transformer with_positions(model::Transformer network, const Config& config,
                                  std::int64_t max_positions) {
  model::Config shape = network.config();
  shape.max_positions = std::max(shape.max_positions, max_positions);
  if (config.rope_base_factor != 1.0) {
    shape.rope_theta *= config.rope_base_factor;
    shape.max_positions = std::max(shape.max_positions, config.seq_length);
  }
  if (shape == network.config()) {
    return network;
  }
  return {shape, network.parameters(), config.init_from};
}

void check_rows(const model::Transformer& network, const Config& config) {
  if (config.seq_length > network.config().max_positions) {
    user_error(
        "train.seq_length: got {}, but the model is made for {} positions: set "
        "model.max_positions, or, for a longer reach of the positions of init_from, "
        "train.rope_base_factor",
        config.seq_length, network.config().max_positions);
  }
}

}  // namespace

void check_same_tokens(const fs::path& checkpoint, const pack::ShardReader& shards) {
  const fs::path theirs = checkpoint / "tokenizer.json";
  const fs::path ours = shards.tokenizer_file();
  for (const fs::path& file : {theirs, ours}) {
    if (!fs::exists(file)) {
      log_warning("training: no {}: whether the ids are those that the model knows is not checked",
                  file.string());
      return;
    }
  }
  const std::string their_text = storage::read_file(theirs), our_text = storage::read_file(ours);
  if (their_text == our_text) {
    return;
  }
  const Vocabulary known = read_vocabulary(theirs, their_text);
  const Vocabulary packed = read_vocabulary(ours, our_text);
  for (const auto& [token, id] : known.ids) {
    const auto found = packed.ids.find(token);
    if (found == packed.ids.end() || found->second != id) {
      user_error(
          "{}: token \"{}\" is {} there, but {} in the shards: pack with the model's own tokenizer",
          checkpoint.string(), token, id,
          found == packed.ids.end() ? "missing" : std::to_string(found->second));
    }
  }
  if (known.merges != packed.merges) {
    user_error("{}: its tokenizer merges otherwise than the shards': pack with the model's own",
               checkpoint.string());
  }
}

model::Transformer starting_network(const Config& config, const model::Config& shape,
                                    const pack::ShardReader& shards) {
  const auto check_vocabulary = [&](const model::Transformer& network) {
    if (shards.vocab_size() > network.config().vocab_size) {
      user_error(
          "shards: ids below {}, but the model's vocabulary has {}: pack with the model's own "
          "tokenizer",
          shards.vocab_size(), network.config().vocab_size);
    }
  };
  if (!config.init_from.empty()) {
    model::Transformer network = model::load_transformer(config.init_from);
    check_vocabulary(network);
    check_same_tokens(config.init_from, shards);
    model::Transformer stretched = with_positions(std::move(network), config, shape.max_positions);
    check_rows(stretched, config);
    return stretched;
  }
  if (shape.vocab_size == 0 && shards.vocab_size() == 0) {
    user_error("model.vocab_size: the shards have no shard.json that says it; set it");
  }
  const std::uint64_t seed =
      derive_seed(static_cast<std::uint64_t>(config.seed), "weights", "initial");
  model::Transformer network(model::resolved(shape, shards.vocab_size()), seed);
  check_vocabulary(network);
  check_rows(network, config);
  return network;
}

}  // namespace tpt::train
