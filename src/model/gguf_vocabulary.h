// What a GGUF file says of a tokenizer.
#pragma once

#include "model/gguf_file.h"

#include <cstdint>
#include <filesystem>

namespace tpt::model {

// Adds the tokenizer of a model's folder (tokenizer.json, tokenizer_config.json,
// chat_template.jinja and the ids in generation_config.json and config.json) for a model of
// `vocab_size` ids. Error(user) names what is missing, or that llama.cpp does not know how the
// tokenizer cuts text.
void add_vocabulary(const std::filesystem::path& folder, std::int64_t vocab_size, GgufFile& file);

}  // namespace tpt::model
