// Augmented documents, or fine-tuning examples, to shards that Megatron reads, with a sidecar that
// says which tokens are document and which are thinking (docs/formats.md). Into the folder:
//
//   tpt_text_document.bin/.idx   token ids and sequence index, one sample a sequence
//   tpt_text_document.spans      the kind of every token, as runs
//   tokenizer.json               the tokenizer that made the ids
//   shard.json                   vocabulary, end of text, tokenizer digest, settings, counts
//
// Samples are tokenised on all threads in corpus order into a spool, then written in the order of a
// seeded shuffle (Fisher-Yates over the sequence numbers), so memory is 8 bytes a sequence (16 with
// shuffle_thinking), and thread counts change no byte.
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/source.h"
#include "pack/composer.h"
#include "records/conversation.h"
#include "records/trajectory.h"
#include "tokenize/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::pack {

struct Config : ComposerConfig {
  std::string tokenizer = "bytes";     // what load_tokenizer takes; recorded, read by the caller
  bool shuffle_thinking = false;       // the control: every document gets another one's thinking
  bool shuffle = true;                 // write the sequences in a seeded random order
  std::int64_t seed = 1;               // of both shuffles
  std::int64_t threads = 0;            // 0: one a core
  std::int64_t max_sample_tokens = 0;  // drop longer samples; 0: keep all
};
void describe(Fields& fields, Config& config);

// Every row that came is a sample (or a part of one, interleaved) or dropped for a reason; every
// token of the .bin has one kind.
struct Counts {
  std::int64_t rows = 0;                        // that came
  std::int64_t samples = 0;                     // written, one sequence each
  std::map<std::string, std::int64_t> dropped;  // by reason
  // Tokens by kind; they add up to `total`, the tokens in the .bin.
  std::int64_t document = 0;
  std::int64_t thinking = 0;
  std::int64_t special = 0;
  std::int64_t prompt = 0;
  std::int64_t answer = 0;
  std::int64_t total = 0;
  bool thinking_shuffled = false;  // the thinking is that of another document: a control

  bool operator==(const Counts&) const = default;
};
Json to_json(const Counts& counts);

// Packs all rows of `source`. Throws Interrupted when asked to stop: nothing but the spool is left,
// which the next run overwrites.
Counts write_shards(const Config& config, const tokenize::Tokenizer& tokenizer,
                    Source<AugmentedDocument>& source, const std::filesystem::path& folder,
                    Progress& progress, std::stop_token stop);

// Packs fine-tuning examples (kinds prompt and answer).
Counts write_examples(const Config& config, const tokenize::Tokenizer& tokenizer,
                      Source<Conversation>& examples, const std::filesystem::path& folder,
                      Progress& progress, std::stop_token stop);

}  // namespace tpt::pack
