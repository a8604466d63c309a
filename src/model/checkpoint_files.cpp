#include "base/error.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "storage/atomic_file.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <map>
#include <set>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;

// model.safetensors, or the files that model.safetensors.index.json names.
std::vector<fs::path> weight_files(const fs::path& folder) {
  if (const fs::path single = folder / "model.safetensors"; fs::exists(single)) return {single};
  const fs::path index = folder / "model.safetensors.index.json";
  if (!fs::exists(index)) user_error("{}: no model.safetensors in it", folder.string());
  const Json json = parse_json(storage::read_file(index), index.string());
  std::set<std::string> names;
  try {
    for (const auto& [tensor, file] : json.at("weight_map").items()) {
      names.insert(file.get<std::string>());
    }
  } catch (const Json::exception& problem) {
    data_error("{}: {}", index.string(), problem.what());
  }
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    if (name.find('/') != std::string::npos) data_error("{}: names {}", index.string(), name);
    files.push_back(folder / name);
  }
  return files;
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text;
  for (const std::int64_t size : shape) {
    text += (text.empty() ? "[" : ", ") + std::to_string(size);
  }
  return text.empty() ? "[]" : text + "]";
}

}  // namespace

Transformer load_transformer(const fs::path& folder) {
  const fs::path config_file = folder / "config.json";
  if (!fs::exists(config_file)) user_error("{}: no config.json in it", folder.string());
  const Config config = read_hf_config(config_file);
  std::map<std::string, at::Tensor> read;
  for (const fs::path& file : weight_files(folder)) {
    for (auto& [name, tensor] : read_safetensors(file)) read.emplace(name, std::move(tensor));
  }
  Transformer network(config, /*seed=*/0);
  const c10::NoGradGuard no_grad;
  for (const auto& [name, parameter] : network.parameters()) {
    const auto found = read.find(name);
    if (found == read.end()) data_error("{}: tensor {} is missing", folder.string(), name);
    if (found->second.sizes() != parameter.sizes()) {
      data_error("{}: tensor {} is {}, config.json makes it {}", folder.string(), name,
                 shape_text(found->second.sizes()), shape_text(parameter.sizes()));
    }
    parameter.copy_(found->second);
    read.erase(found);
  }
  // Writers may store a tied head all the same, or the rotary frequencies.
  if (config.tie_embeddings) read.erase("lm_head.weight");
  for (const auto& [name, tensor] : read) {
    if (!name.ends_with("rotary_emb.inv_freq")) {
      data_error("{}: tensor {} is not part of the model that config.json describes",
                 folder.string(), name);
    }
  }
  return network;
}

void save_transformer(const Transformer& network, const fs::path& folder) {
  fs::create_directories(folder);
  write_safetensors(network.parameters(), folder / "model.safetensors");
  storage::write_file_atomically(folder / "config.json", to_hf_config(network.config(), "float32"));
}

}  // namespace tpt::model
