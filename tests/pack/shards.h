// What the tests of the packer share: samples, a folder, and packing in one line.
#pragma once

#include "pack/pack.h"
#include "pack/shard_reader.h"
#include "temporary_folder.h"
#include "tokenize/tokenizer.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace tpt::pack {

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

inline void spit(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline AugmentedDocument row_of(std::string id, std::string text, std::string thinking) {
  AugmentedDocument row;
  row.document.id = std::move(id);
  row.document.text = std::move(text);
  row.trajectory.text = std::move(thinking);
  return row;
}

// Rows of several lengths, each of its own text and thinking.
inline std::vector<AugmentedDocument> some_rows(int count) {
  std::vector<AugmentedDocument> rows;
  for (int i = 0; i < count; ++i) {
    std::string text = fmt::format("Document {}.", i);
    for (int j = 0; j < i % 17; ++j) {
      text += fmt::format(" It says {}.", i * j);
    }
    rows.push_back(row_of(fmt::format("d{}", i), text, fmt::format("Thinking of {}.", i)));
  }
  return rows;
}

inline Counts pack_rows(const Config& config, const std::vector<AugmentedDocument>& rows,
                        const std::filesystem::path& folder) {
  const auto tokenizer = tokenize::load_tokenizer(config.tokenizer);
  VectorSource<AugmentedDocument> source(rows);
  NoProgress progress;
  return write_shards(config, *tokenizer, source, folder, progress, {});
}

// The text of the tokens of one kind in a sequence of a byte shard.
inline std::string text_of(const TokenSequence& sequence, Kind kind) {
  static const auto tokenizer = tokenize::load_tokenizer("bytes");
  std::string text;
  std::size_t at = 0;
  for (const Span& span : sequence.spans) {
    const auto tokens = static_cast<std::size_t>(span.tokens);
    if (span.kind == kind) {
      text += tokenizer->decode(std::span(sequence.ids).subspan(at, tokens));
    }
    at += tokens;
  }
  return text;
}

inline std::vector<TokenSequence> all_sequences(const ShardReader& shards) {
  std::vector<TokenSequence> sequences;
  for (std::int64_t i = 0; i < shards.sequences(); ++i) {
    sequences.push_back(shards.sequence(i));
  }
  return sequences;
}

}  // namespace tpt::pack
