#include "engine/llama_batcher.h"

#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tpt::engine {

namespace {

// keep_going() of a request is asked this often.
constexpr std::int64_t kTokensBetweenLooks = 16;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string complaint_about(const Sampling& sampling) {
  if (!(sampling.temperature >= 0) || !std::isfinite(sampling.temperature)) {
    return fmt::format("temperature {}: allowed are 0 and above", sampling.temperature);
  }
  if (!(sampling.top_p > 0 && sampling.top_p <= 1)) {
    return fmt::format("top_p {}: allowed is above 0, at most 1", sampling.top_p);
  }
  if (sampling.top_k < 0 || sampling.max_tokens < 1) {
    return fmt::format("top_k {}, max_tokens {}: allowed are 0 and above, 1 and above",
                       sampling.top_k, sampling.max_tokens);
  }
  return "";
}

}  // namespace

LlamaBatcher::LlamaBatcher(const LlamaModel& model, LlamaContext& context, const ChatPrompt& prompt,
                           const LlamaContext::Options& options)
    : model_(model),
      context_(context),
      prompt_(prompt),
      options_(options),
      slots_(static_cast<std::size_t>(options.sequences)) {}

void LlamaBatcher::start(LlamaJob job) {
  const auto refuse = [&](Failure failure, const std::string& error, std::int64_t prompt_tokens) {
    Response response;
    response.finish = Finish::error;
    response.failure = failure;
    response.error = fmt::format("{}: {}", job.request.key, error);
    response.prompt_tokens = prompt_tokens;
    response.seconds = seconds_since(job.submitted);
    job.done(std::move(response));
  };
  const std::int64_t room = options_.tokens_of_sequence;
  const std::size_t bytes = job.request.prompt.size() + job.request.answer_start.size();
  const auto fewest = static_cast<std::int64_t>(bytes / model_.longest_piece());
  if (job.request.cancel.stop_requested()) {
    refuse(Failure::cancelled, "cancelled", 0);
    return;
  }
  if (const std::string complaint = complaint_about(job.request.sampling); !complaint.empty()) {
    refuse(Failure::refused, complaint, 0);
    return;
  }
  // White space of any length may be dropped by a template, so only a clear excess is refused
  // without tokenising it.
  if (fewest > room && bytes > (std::size_t{1} << 24U)) {
    refuse(Failure::too_long,
           fmt::format("a prompt of {} bytes, at least {} tokens; the context holds {}", bytes,
                       fewest, room),
           fewest);
    return;
  }
  std::vector<Token> prompt;
  try {
    prompt = prompt_.tokens(job.request);
  } catch (const Error& error) {
    refuse(Failure::refused, error.what(), 0);
    return;
  }
  const auto length = static_cast<std::int64_t>(prompt.size());
  if (prompt.empty()) {
    refuse(Failure::refused, "an empty prompt: there is nothing to continue", 0);
    return;
  }
  if (length >= room) {
    refuse(Failure::too_long,
           fmt::format("a prompt of {} tokens; the context holds {} for prompt and answer: cut the "
                       "document or raise sequence_tokens",
                       length, room),
           length);
    return;
  }
  Slot& slot = slots_[choose_slot(prompt)];
  std::size_t kept = kept_tokens(slot, prompt);
  if (!context_.forget(&slot - slots_.data(), static_cast<std::int64_t>(kept))) {
    kept = 0;
  }
  slot.held.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(kept));
  slot.prompt = std::move(prompt);
  slot.answer = AnswerText(job.request.sampling.stop);
  slot.sampler.emplace(job.request.sampling);
  slot.generated = 0;
  slot.job = std::move(job);
  ++busy_;
}

// How many tokens at the start of `prompt` the slot still remembers from its last request. The last
// token is always read again, for its logits. A lone sequence starts afresh: a text must not depend
// on the one before it.
std::size_t LlamaBatcher::kept_tokens(const Slot& slot, const std::vector<Token>& prompt) const {
  if (slots_.size() == 1) {
    return 0;
  }
  const auto [there, here] =
      std::mismatch(slot.held.begin(), slot.held.end(), prompt.begin(), prompt.end() - 1);
  return static_cast<std::size_t>(here - prompt.begin());
}

std::size_t LlamaBatcher::choose_slot(const std::vector<Token>& prompt) const {
  std::size_t best = slots_.size();
  std::size_t best_kept = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::size_t kept = slots_[i].job ? 0 : kept_tokens(slots_[i], prompt);
    if (!slots_[i].job && (best == slots_.size() || kept > best_kept)) {
      best = i;
      best_kept = kept;
    }
  }
  TPT_CHECK(best < slots_.size());
  return best;
}

void LlamaBatcher::fill_batch() {
  context_.clear_batch();
  std::int64_t room = options_.batch_tokens;
  for (const Slot& slot : slots_) {
    room -= slot.job && !slot.is_reading() ? 1 : 0;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slot.logits_index = -1;
    if (!slot.job) {
      continue;
    }
    const auto sequence = static_cast<std::int64_t>(i);
    if (!slot.is_reading()) {
      slot.logits_index =
          context_.add(slot.next, static_cast<std::int64_t>(slot.held.size()), sequence, true);
      slot.held.push_back(slot.next);
      continue;
    }
    for (; room > 0 && slot.is_reading(); --room) {
      const std::size_t at = slot.held.size();
      const bool is_last = at + 1 == slot.prompt.size();
      const std::int64_t index =
          context_.add(slot.prompt[at], static_cast<std::int64_t>(at), sequence, is_last);
      slot.logits_index = is_last ? index : -1;
      slot.held.push_back(slot.prompt[at]);
    }
  }
}

bool LlamaBatcher::step() {
  fill_batch();
  const LlamaContext::Outcome outcome = context_.decode();
  if (outcome == LlamaContext::Outcome::aborted) {
    return false;
  }
  for (Slot& slot : slots_) {
    if (!slot.job) {
      continue;
    }
    if (outcome == LlamaContext::Outcome::failed) {
      finish(slot, Finish::error, "llama.cpp could not decode the batch", Failure::internal);
      context_.forget(&slot - slots_.data(), 0);
      slot.held.clear();
    } else if (slot.job->request.cancel.stop_requested()) {
      finish(slot, Finish::error, "cancelled", Failure::cancelled);
    } else if (slot.logits_index >= 0) {
      take_token(slot);
    }
  }
  return true;
}

// Draws the next token and ends the request where it is the last.
void LlamaBatcher::take_token(Slot& slot) {
  const std::optional<Token> token = slot.sampler->draw(context_.logits(slot.logits_index));
  if (!token) {
    finish(slot, Finish::error, "the model's logits are not finite", Failure::internal);
    return;
  }
  if (model_.ends_generation(*token)) {
    finish(slot, Finish::stop, "");
    return;
  }
  const Sampling& sampling = slot.job->request.sampling;
  ++slot.generated;
  std::string piece = model_.piece(*token, false);
  if (piece.empty()) {
    // A control token is no text, unless it is what the request waits for ("</think>").
    const std::string spelt = model_.piece(*token, true);
    if (std::find(sampling.stop.begin(), sampling.stop.end(), spelt) != sampling.stop.end()) {
      piece = spelt;
    }
  }
  slot.next = *token;
  if (slot.answer.append(piece)) {
    finish(slot, Finish::stop, "");
  } else if (slot.generated >= sampling.max_tokens ||
             static_cast<std::int64_t>(slot.held.size()) >= options_.tokens_of_sequence) {
    finish(slot, Finish::length, "");
  } else if (const auto& keep_going = slot.job->request.keep_going;
             keep_going && slot.generated % kTokensBetweenLooks == 0 &&
             !keep_going(slot.answer.bytes())) {
    finish(slot, Finish::loop, "");
  }
}

void LlamaBatcher::finish(Slot& slot, Finish finish, const std::string& error, Failure failure) {
  const LlamaJob job = std::move(*slot.job);
  slot.job.reset();
  --busy_;
  Response response;
  response.text = slot.answer.text();
  response.finish = finish;
  response.failure = failure;
  response.prompt_tokens = static_cast<std::int64_t>(slot.prompt.size());
  response.generated_tokens = slot.generated;
  response.seconds = seconds_since(job.submitted);
  if (!error.empty()) {
    response.error = fmt::format("{}: {}", job.request.key, error);
  }
  job.done(std::move(response));
}

void LlamaBatcher::close_gaps() {
  for (std::size_t gap = 0; static_cast<std::int64_t>(gap) < busy_; ++gap) {
    if (slots_[gap].job) {
      continue;
    }
    std::size_t last = slots_.size() - 1;
    while (!slots_[last].job) {
      --last;
    }
    context_.forget(static_cast<std::int64_t>(gap), 0);
    context_.move(static_cast<std::int64_t>(last), static_cast<std::int64_t>(gap));
    slots_[gap] = std::move(slots_[last]);
    slots_[last] = Slot();
  }
}

}  // namespace tpt::engine
