#include "augment/request.h"

#include "augment/chunks.h"
#include "base/digest.h"
#include "base/random.h"
#include "tokenize/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace tpt::augment {

namespace {

// Parts of a hash, each with its length, so that no two requests run together into the same bytes.
class PartsHash {
 public:
  PartsHash& add(std::string_view part) {
    hash_.update(fmt::format("{}:", part.size())).update(part);
    return *this;
  }
  std::string hex() const { return hash_.hex(); }

 private:
  Sha256 hash_;
};

std::string hash_of(const engine::Request& request, const Piece& piece,
                    const std::string& engine_name, const std::string& model_sha256) {
  PartsHash hash;
  hash.add(engine_name).add(request.prompt).add(piece.text()).add(request.answer_start);
  const engine::Sampling& sampling = request.sampling;
  hash.add(fmt::format("{} {} {} {} {} {} {} {} {}", request.chat, sampling.temperature,
                       sampling.top_p, sampling.top_k, sampling.max_tokens, sampling.seed,
                       piece.rollout, piece.chunk, piece.chunks));
  for (const std::string& stop : sampling.stop) hash.add(stop);
  if (!model_sha256.empty()) hash.add(model_sha256);
  return hash.hex();
}

std::uint64_t seed_of(const Config& config, const Piece& piece, std::string_view purpose) {
  const auto run_seed = static_cast<std::uint64_t>(config.seed);
  if (piece.rollout == 0 && piece.chunk == 0) return derive_seed(run_seed, piece.id(), purpose);
  return derive_seed(run_seed, piece.id(),
                     fmt::format("{} {} {}", purpose, piece.rollout, piece.chunk));
}

std::string rendered(const Config& config, const Prompt& prompt, const Piece& piece,
                     std::size_t context, const engine::Engine& engine) {
  Prompt::Parts parts;
  parts.context = piece.text().substr(0, context);
  parts.id = piece.id();
  parts.metadata = piece.document->metadata;
  if (prompt.needs_before()) {
    parts.before = tail_of(piece.before(), config.before_tokens, engine.tokens());
  }
  if (prompt.needs_seed()) parts.seed = seed_of(config, piece, "focus");
  return prompt.render(parts);
}

// The numbers of three digits and more in a server's complaint, in their order.
std::vector<std::int64_t> numbers_in(std::string_view text) {
  std::vector<std::int64_t> numbers;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    std::int64_t number = 0;
    while (end < text.size() && end < at + 12 &&
           std::isdigit(static_cast<unsigned char>(text[end])) != 0) {
      number = 10 * number + (text[end++] - '0');
    }
    if (number >= 100) numbers.push_back(number);
    at = std::max(end, at + 1);
  }
  return numbers;
}

// A complaint without what stands before it: the endpoint's address has numbers of its own.
std::string_view words_of_server(std::string_view error) {
  constexpr std::string_view kStatus = "HTTP ";
  const std::size_t status = error.find(kStatus);
  if (status == std::string_view::npos) return error;
  error.remove_prefix(status + kStatus.size());
  const std::size_t end = error.find(": ");
  return end == std::string_view::npos ? std::string_view() : error.substr(end + 2);
}

}  // namespace

PieceRequest make_request(const Config& config, const Prompt& prompt, const Piece& piece,
                          const engine::Engine& engine) {
  const std::size_t shown = context_bytes(piece.text(), config.context_tokens, engine.tokens());
  PieceRequest made;
  made.context_bytes = static_cast<std::int64_t>(shown);
  engine::Request& request = made.request;
  request.key = piece.id();
  request.prompt = rendered(config, prompt, piece, shown, engine);
  request.chat = config.chat;
  request.answer_start = think_start_of(config);
  if (engine.needs_document()) request.document = piece.text();
  request.sampling.temperature = config.temperature;
  request.sampling.top_p = config.top_p;
  request.sampling.top_k = config.top_k;
  request.sampling.max_tokens = config.max_thinking_tokens;
  request.sampling.seed = seed_of(config, piece, "augment");
  if (!config.think_end.empty()) {
    request.sampling.stop = {config.think_end};
  }
  made.hash = hash_of(request, piece, engine.name(), config.model_sha256);
  return made;
}

void shorten(PieceRequest& request, std::int64_t context_bytes, const Config& config,
             const Prompt& prompt, const Piece& piece, const engine::Engine& engine) {
  const std::size_t shown =
      tokenize::sentence_cut(piece.text(), static_cast<std::size_t>(context_bytes));
  request.context_bytes = static_cast<std::int64_t>(shown);
  request.request.prompt = rendered(config, prompt, piece, shown, engine);
}

void continue_from(PieceRequest& request, std::string_view text, const Config& config) {
  // A chat server opens the thinking itself only where it begins.
  std::string start = think_start_of(config);
  if (start.empty() && config.think_start == "auto") start = "<think>\n";
  request.request.answer_start = start.append(text);
  request.hash = PartsHash().add(request.hash).add("continued").add(text).hex();
}

std::int64_t shorter_context(const PieceRequest& request, const engine::Response& response) {
  const std::string_view words = words_of_server(response.error);
  const std::vector<std::int64_t> numbers = numbers_in(words);
  const std::int64_t context = request.context_bytes;
  if (numbers.size() < 2) return context / 2;
  // Servers name what they hold, as a rule after "context", and the larger sum that they were asked
  // for; its parts too (prompt, completion).
  const std::int64_t asked = *std::max_element(numbers.begin(), numbers.end());
  const std::vector<std::int64_t> behind =
      numbers_in(words.substr(std::min(words.find("context"), words.size())));
  std::int64_t holds = behind.empty() ? numbers.front() : behind.front();
  if (holds >= asked) holds = *std::min_element(numbers.begin(), numbers.end());
  const std::int64_t prompt_tokens = response.prompt_tokens > 0 ? response.prompt_tokens : asked;
  std::int64_t excess = asked - holds;
  // Where only the prompt was counted the answer needs its room too.
  if (asked == response.prompt_tokens) {
    excess += std::min(request.request.sampling.max_tokens, holds / 2);
  }
  const double bytes_per_token = static_cast<double>(request.request.prompt.size()) /
                                 static_cast<double>(std::max<std::int64_t>(1, prompt_tokens));
  constexpr double kMargin = 1.1;
  constexpr std::int64_t kMarginBytes = 64;
  const auto cut =
      static_cast<std::int64_t>(kMargin * static_cast<double>(excess) * bytes_per_token) +
      kMarginBytes;
  return cut >= context ? context / 4 : context - cut;
}

}  // namespace tpt::augment
