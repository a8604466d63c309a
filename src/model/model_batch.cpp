#include "model/model_batch.h"

#include "base/error.h"

#include <algorithm>
#include <utility>

namespace tpt::model {
namespace {

constexpr std::int64_t kPromptTokensOfStep = 512;
constexpr std::size_t kLongestSpecialName = 64;

engine::Response response_of(const EngineJob& job) {
  engine::Response response;
  response.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - job.submitted).count();
  return response;
}

void refuse(const EngineJob& job, std::string error) {
  engine::Response response = response_of(job);
  response.finish = Finish::error;
  response.error = std::move(error);
  job.done(std::move(response));
}

}  // namespace

ModelBatch::ModelBatch(const Transformer& network, const tokenize::Tokenizer& tokenizer,
                       const EngineConfig& config)
    : tokenizer_(tokenizer),
      decoder_(network, config.precision, config.repeats),
      manners_(config.manners),
      size_(config.batch) {
  if (const auto end = tokenizer.end_of_text()) manners_.ends.push_back(*end);
}

// Names of special tokens stand between <> or []; all else is text.
void ModelBatch::encode_with_specials(std::string_view text,
                                      std::vector<tokenize::TokenId>& ids) const {
  std::size_t text_begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '<' && text[i] != '[') continue;
    const char last = text[i] == '<' ? '>' : ']';
    const std::string_view rest = text.substr(i, kLongestSpecialName);
    for (std::size_t end = rest.find(last); end != rest.npos; end = rest.find(last, end + 1)) {
      const auto special = tokenizer_.special(rest.substr(0, end + 1));
      if (!special) continue;
      tokenizer_.encode(text.substr(text_begin, i - text_begin), ids);
      ids.push_back(*special);
      text_begin = i + end + 1;
      i = text_begin - 1;
      break;
    }
  }
  tokenizer_.encode(text.substr(text_begin), ids);
}

std::vector<tokenize::TokenId> ModelBatch::prompt_ids(const engine::Request& request) const {
  std::vector<tokenize::TokenId> ids = request.chat ? turn_ids(tokenizer_, manners_, request.prompt)
                                                    : tokenizer_.encode(request.prompt);
  encode_with_specials(request.answer_start, ids);
  if (ids.empty()) {
    const auto end = tokenizer_.end_of_text();
    if (end) ids.push_back(*end);
  }
  return ids;
}

void ModelBatch::start(EngineJob job) {
  const engine::Request& request = job.request;
  if (request.chat && manners_.chat == tokenize::Chat::plain) {
    refuse(job, fmt::format("{}: {}", request.key, manners_.why_no_chat));
    return;
  }
  std::vector<tokenize::TokenId> prompt;
  try {
    prompt = prompt_ids(request);
  } catch (const std::exception& problem) {
    refuse(job, problem.what());
    return;
  }
  const std::int64_t positions = decoder_.config().max_positions;
  if (prompt.empty() || std::ssize(prompt) > positions) {
    refuse(job, prompt.empty()
                    ? fmt::format("{}: the prompt is empty and the tokenizer has no end of text "
                                  "to begin from",
                                  request.key)
                    : fmt::format("{}: the prompt has {} tokens, the model has {} positions",
                                  request.key, prompt.size(), positions));
    return;
  }
  engine::TokenSampler sampler(request.sampling);
  engine::AnswerText text(request.sampling.stop);
  running_.push_back(std::make_unique<Running>(Running{.job = std::move(job),
                                                       .prompt = std::move(prompt),
                                                       .cache = {},
                                                       .sampler = std::move(sampler),
                                                       .text = std::move(text)}));
  Running& running = *running_.back();
  if (running.job.request.sampling.max_tokens <= 0) {
    finish(running, Finish::length);
    running_.pop_back();
  }
}

void ModelBatch::step() {
  tokens_.clear();
  awaiting_.clear();
  std::int64_t room = std::max(kPromptTokensOfStep, size_);
  for (const auto& running : running_) add_tokens(*running, room);
  const std::vector<float>& logits = decoder_.step(tokens_);
  const auto width = static_cast<std::size_t>(decoder_.config().vocab_size);
  // The embedding may have more rows than there are tokens; those are never drawn.
  const auto ids = static_cast<std::size_t>(tokenizer_.vocab_size());
  for (std::size_t i = 0; i < awaiting_.size(); ++i) {
    take_logits(*awaiting_[i], {logits.data() + i * width, ids});
  }
  std::erase_if(running_, [](const auto& running) { return running->finished; });
}

void ModelBatch::add_tokens(Running& running, std::int64_t& room) {
  const std::int64_t length = std::ssize(running.prompt);
  if (running.read == length) {
    tokens_.push_back({&running.cache, running.next, true});
    awaiting_.push_back(&running);
    --room;
    return;
  }
  for (; running.read < length && room > 0; --room) {
    const tokenize::TokenId id = running.prompt[static_cast<std::size_t>(running.read)];
    tokens_.push_back({&running.cache, id, ++running.read == length});
  }
  if (running.read == length) awaiting_.push_back(&running);
}

void ModelBatch::take_logits(Running& running, std::span<const float> logits) {
  const auto drawn = running.sampler.draw(logits);
  if (!drawn) {
    finish(running, Finish::error,
           fmt::format("{}: the model's logits are not numbers", running.job.request.key));
    return;
  }
  if (std::find(manners_.ends.begin(), manners_.ends.end(), *drawn) != manners_.ends.end()) {
    finish(running, Finish::stop);
    return;
  }
  running.next = *drawn;
  ++running.generated;
  try {
    if (running.text.append(tokenizer_.decode({&running.next, 1}))) {
      finish(running, Finish::stop);
      return;
    }
  } catch (const Error& problem) {
    finish(running, Finish::error, problem.what());
    return;
  }
  if (running.generated >= running.job.request.sampling.max_tokens ||
      running.cache.length >= decoder_.config().max_positions) {
    finish(running, Finish::length);
  }
}

void ModelBatch::finish(Running& running, Finish how, std::string error) {
  engine::Response response = response_of(running.job);
  response.text = running.text.text();
  response.finish = how;
  response.prompt_tokens = std::ssize(running.prompt);
  response.generated_tokens = running.generated;
  response.error = std::move(error);
  running.finished = true;
  running.job.done(std::move(response));
}

}  // namespace tpt::model
