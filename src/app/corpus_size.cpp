#include "app/corpus_size.h"

#include "base/error.h"
#include "base/random.h"
#include "corpus/reader.h"
#include "storage/byte_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tpt::app {
namespace {

constexpr std::int64_t kPlaces = 64;

// Tokens of some documents, so many of all that came, each with the same chance.
class TokenSample {
 public:
  TokenSample(std::int64_t documents, std::int64_t context_tokens,
              const tokenize::Tokenizer& tokenizer)
      : documents_(documents), context_tokens_(context_tokens), tokenizer_(tokenizer) {}

  void add(const std::string& text) {
    ++seen_;
    if (documents_ == 0 || static_cast<std::int64_t>(counted_.size()) < documents_) {
      counted_.push_back(count(text));
      return;
    }
    const std::uint64_t place = random_.below(static_cast<std::uint64_t>(seen_));
    if (place < counted_.size()) counted_[place] = count(text);
  }
  // Fills in the tokens of `size.bytes` bytes of text in `size.documents` documents.
  void carry_over(CorpusSize& size) const {
    Counted sum;
    for (const Counted& each : counted_) {
      sum.bytes += each.bytes;
      sum.tokens += each.tokens;
      sum.shown_tokens += each.shown_tokens;
    }
    const double scale = sum.bytes > 0 ? size.bytes / sum.bytes : 0;
    size.full_document_tokens = scale * sum.tokens;
    size.document_tokens = scale * sum.shown_tokens;
    size.estimated |= seen_ > static_cast<std::int64_t>(counted_.size());
  }

 private:
  struct Counted {
    double bytes = 0;
    double tokens = 0;
    double shown_tokens = 0;  // after the cut of the context
  };
  Counted count(const std::string& text) const {
    const std::int64_t tokens = tokenizer_.count(text);
    return {static_cast<double>(text.size()), static_cast<double>(tokens),
            static_cast<double>(std::min(tokens, context_tokens_))};
  }

  std::int64_t documents_;
  std::int64_t context_tokens_;
  const tokenize::Tokenizer& tokenizer_;
  Random random_{derive_seed(1, "plan", "tokens")};
  std::vector<Counted> counted_;
  std::int64_t seen_ = 0;
};

CorpusSize read_whole(const corpus::Config& config, TokenSample& tokens) {
  CorpusSize size;
  corpus::Reader documents(config, "");
  for (Document document; documents.next(document);) {
    size.documents += 1;
    size.bytes += static_cast<double>(document.text.size());
    tokens.add(document.text);
  }
  tokens.carry_over(size);
  return size;
}

// A part of the corpus that can be entered without reading what stands before it.
struct Place {
  corpus::Config config;
  corpus::Shard shard;
};

std::vector<Place> places(const corpus::Config& config,
                          const std::vector<corpus::InputFile>& files) {
  const auto count = static_cast<std::int64_t>(files.size());
  const bool archives = std::any_of(
      files.begin(), files.end(), [](const auto& file) { return storage::is_archive(file.path); });
  std::vector<Place> all;
  if (count >= kPlaces || archives) {
    const std::int64_t taken = std::min(count, kPlaces);
    for (std::int64_t i = 0; i < taken; ++i) {
      Place place{.config = config};
      place.config.inputs = {files[static_cast<std::size_t>(i * count / taken)].path.string()};
      all.push_back(std::move(place));
    }
    return all;
  }
  for (std::int64_t i = 0; i < kPlaces; ++i) {
    all.push_back({.config = config, .shard = {.index = i, .count = kPlaces}});
  }
  return all;
}

CorpusSize read_places(const corpus::Config& config, const std::vector<corpus::InputFile>& files,
                       std::int64_t bytes, const CorpusReading& reading, TokenSample& tokens) {
  const std::vector<Place> all = places(config, files);
  const auto at_each = reading.sample_documents / static_cast<std::int64_t>(all.size()) + 1;
  CorpusSize size{.estimated = true};
  double covered = 0;
  for (const Place& place : all) {
    corpus::Reader documents(place.config, "", place.shard);
    const corpus::Counts& here = documents.counts();
    for (Document document; documents.next(document);) {
      tokens.add(document.text);
      // Less would say more of the buffers than of the documents.
      if (here.documents >= at_each && documents.bytes_read() >= reading.place_bytes) break;
    }
    if (documents.bytes_read() == 0) continue;
    const auto whole = static_cast<double>(documents.bytes_total());
    const double share = std::min(1.0, static_cast<double>(documents.bytes_read()) / whole);
    size.documents += static_cast<double>(here.documents) / share;
    size.bytes += static_cast<double>(here.bytes) / share;
    covered += whole;
  }
  if (covered <= 0) return size;
  double scale = std::max(1.0, static_cast<double>(bytes) / covered);
  if (config.limit > 0) {
    scale = std::min(scale, static_cast<double>(config.limit) / std::max(1.0, size.documents));
  }
  size.documents *= scale;
  size.bytes *= scale;
  tokens.carry_over(size);
  return size;
}

}  // namespace

CorpusSize measure_corpus(const corpus::Config& config, const CorpusReading& reading,
                          const tokenize::Tokenizer& tokenizer) {
  const std::vector<corpus::InputFile> files = corpus::input_files(config);
  std::int64_t bytes = 0;
  for (const corpus::InputFile& file : files) bytes += file.bytes;
  TokenSample tokens(reading.sample_documents, reading.context_tokens, tokenizer);
  const bool whole = reading.sample_documents == 0 || bytes <= reading.whole_bytes;
  const CorpusSize size =
      whole ? read_whole(config, tokens) : read_places(config, files, bytes, reading, tokens);
  if (size.documents == 0) user_error("tpt plan: the corpus holds no document");
  return size;
}

}  // namespace tpt::app
