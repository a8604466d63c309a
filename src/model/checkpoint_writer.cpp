// Writes a model's folder as `transformers` does: the same files, cut at the same places, with the
// same bytes.
#include "base/error.h"
#include "base/json.h"
#include "model/companions.h"
#include "model/rounding.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "storage/atomic_file.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;
using storage::TensorType;

// Of one file, in the order in which the cuts are made.
using Shard = std::vector<std::pair<std::string, at::Tensor>>;

// Parameters of a layer as its modules stand there; outside of layers: in the order of a pass.
std::size_t rank_in_layer(std::string_view name) {
  static constexpr std::array<std::string_view, 14> kOrder = {
      "self_attn.q_proj.weight", "self_attn.q_proj.bias",
      "self_attn.k_proj.weight", "self_attn.k_proj.bias",
      "self_attn.v_proj.weight", "self_attn.v_proj.bias",
      "self_attn.o_proj.weight", "self_attn.q_norm.weight",
      "self_attn.k_norm.weight", "mlp.gate_proj.weight",
      "mlp.up_proj.weight",      "mlp.down_proj.weight",
      "input_layernorm.weight",  "post_attention_layernorm.weight"};
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (name.ends_with(kOrder[i])) return i;
  }
  TPT_CHECK(false, "{} is no parameter of a layer", name);
  return 0;
}

Shard in_order_of_modules(const NamedTensors& parameters) {
  Shard ordered(parameters.begin(), parameters.end());
  const auto is_in_layer = [](const auto& item) { return item.first.starts_with("model.layers."); };
  const auto layer_of = [](const std::string& name) { return name.substr(0, name.find('.', 13)); };
  for (auto begin = std::find_if(ordered.begin(), ordered.end(), is_in_layer);
       begin != ordered.end() && is_in_layer(*begin);) {
    const std::string layer = layer_of(begin->first);
    const auto end = std::find_if(begin, ordered.end(),
                                  [&](const auto& item) { return layer_of(item.first) != layer; });
    std::sort(begin, end, [](const auto& a, const auto& b) {
      return rank_in_layer(a.first) < rank_in_layer(b.first);
    });
    begin = end;
  }
  return ordered;
}

std::int64_t bytes_of(const at::Tensor& tensor, TensorType type) {
  return tensor.numel() * static_cast<std::int64_t>(storage::bytes_of_element(type));
}

std::vector<Shard> cut(const Shard& tensors, const SaveOptions& options) {
  std::vector<Shard> shards;
  Shard current;
  std::int64_t current_bytes = 0;
  for (const auto& item : tensors) {
    const std::int64_t bytes = bytes_of(item.second, options.type);
    if (bytes > options.max_shard_bytes) {
      shards.push_back({item});
      continue;
    }
    if (current_bytes + bytes > options.max_shard_bytes) {
      shards.push_back(std::move(current));
      current.clear();
      current_bytes = 0;
    }
    current.push_back(item);
    current_bytes += bytes;
  }
  if (!current.empty()) shards.push_back(std::move(current));
  return shards;
}

void write_shard(const Shard& shard, TensorType type, const fs::path& path) {
  TensorFile file{.metadata = {{"format", "pt"}}};
  for (const auto& [name, tensor] : shard) {
    file.tensors.emplace_back(name, rounded(name, tensor, type));
  }
  std::sort(file.tensors.begin(), file.tensors.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  write_tensor_file(file, path);
}

std::string shard_name(std::size_t number, std::size_t count) {
  return count == 1 ? "model.safetensors"
                    : fmt::format("model-{:05}-of-{:05}.safetensors", number + 1, count);
}

std::string index_text(const std::vector<Shard>& shards, TensorType type) {
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;
  std::map<std::string, std::string> files;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const auto& [name, tensor] : shards[i]) {
      files[name] = shard_name(i, shards.size());
      parameters += tensor.numel();
      bytes += bytes_of(tensor, type);
    }
  }
  return dump_json_pretty({{"metadata", {{"total_parameters", parameters}, {"total_size", bytes}}},
                           {"weight_map", files}});
}

// Weights of an earlier save under names that this one does not write.
void remove_stale(const fs::path& folder, const std::set<std::string>& written) {
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool weights = name == "model.safetensors" || name == "model.safetensors.index.json" ||
                         (name.starts_with("model-") && name.ends_with(".safetensors"));
    if (weights && written.count(name) == 0) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) fs::remove(path);
}

const char* dtype_name(TensorType type) {
  return type == TensorType::f32 ? "float32" : type == TensorType::bf16 ? "bfloat16" : "float16";
}

}  // namespace

void save_transformer(const Transformer& network, const fs::path& folder,
                      const SaveOptions& options) {
  fs::create_directories(folder);
  const auto shards = cut(in_order_of_modules(network.parameters()), options);
  std::set<std::string> written;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    written.insert(shard_name(i, shards.size()));
    write_shard(shards[i], options.type, folder / shard_name(i, shards.size()));
  }
  if (shards.size() > 1) {
    written.insert("model.safetensors.index.json");
    storage::write_file_atomically(folder / "model.safetensors.index.json",
                                   index_text(shards, options.type));
  }
  Json others = Json::object();
  if (!options.companions.empty()) {
    const fs::path config = options.companions / "config.json";
    others = parse_json(storage::read_file(config), config.string());
    copy_companions(options.companions, folder);
  }
  storage::write_file_atomically(folder / "config.json",
                                 to_hf_config(network.config(), dtype_name(options.type), others));
  remove_stale(folder, written);
}

}  // namespace tpt::model
