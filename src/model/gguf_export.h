// A model as a file that llama.cpp runs.
#pragma once

#include "model/transformer.h"

#include <filesystem>

namespace tpt::model {

// Writes the network, and the tokenizer of `folder`, as a GGUF file. Matrices are rounded to
// `type`. A network with a repeated block is written with the block laid out as often as it is
// repeated at test time. Error(user) names what GGUF or llama.cpp cannot say.
void export_gguf(const Transformer& network, const std::filesystem::path& folder,
                 storage::TensorType type, const std::filesystem::path& file);

}  // namespace tpt::model
