// Which part of a corpus one of many machines reads. Every document is in exactly one part, whoever
// runs first; the parts in order are the corpus in order.
#pragma once

#include "base/json.h"
#include "corpus/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::corpus {

struct Shard {
  std::int64_t index = 0;  // from 0
  std::int64_t count = 1;
};

// What is read of a file. An item belongs to the piece that its place lies in: a line's place is
// its first byte, a row r of R (in Parquet, and for the lines of an archive) lies at byte
// floor(bytes * r / R), a text file at its first.
struct FilePiece {
  InputFile file;
  std::int64_t begin = 0;
  std::int64_t end = 0;  // file.bytes: to the end

  bool whole() const { return begin == 0 && end == file.bytes; }
};

struct ShardPlan {
  // "files": whole files, each to the shard that its middle falls into; taken where no shard gets
  // more than 1.25 of its share so, and none nothing. "ranges": the bytes of the corpus, file after
  // file, cut into equal parts.
  std::string rule;
  std::int64_t files = 0;  // of the corpus
  std::int64_t bytes = 0;
  std::string corpus_sha256;  // of the names (without folders) and sizes of its files
  std::vector<FilePiece> pieces;
};

// From the names and sizes of the files alone: nothing is read.
ShardPlan plan_shard(const std::vector<InputFile>& files, Shard shard);

// The rule and what it was applied to, the same for every shard of a corpus.
Json to_json(const ShardPlan& plan);

}  // namespace tpt::corpus
