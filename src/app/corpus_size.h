// How much a corpus holds, before anything is done with it.
#pragma once

#include "app/plan.h"
#include "corpus/config.h"
#include "tokenize/tokenizer.h"

#include <cstdint>

namespace tpt::app {

struct CorpusReading {
  std::int64_t sample_documents = 1000;  // whose tokens are counted; 0: of all
  std::int64_t context_tokens = 2048;
  std::int64_t whole_bytes = std::int64_t{1} << 30U;  // on disk: up to so much is read whole
  std::int64_t place_bytes = std::int64_t{4} << 20U;  // else so much at each place, or more
};

// Of a corpus that is read whole, documents and bytes are exact, tokens those of the sample carried
// over by bytes. Of a larger one up to 64 places all over it are read, and scaled by the bytes of
// the files; `sample_documents` = 0 reads all of it. Error(user) where it holds no document.
CorpusSize measure_corpus(const corpus::Config& config, const CorpusReading& reading,
                          const tokenize::Tokenizer& tokenizer);

}  // namespace tpt::app
