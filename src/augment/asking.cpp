#include "augment/asking.h"

#include "augment/loop_watch.h"
#include "augment/take_over.h"
#include "base/error.h"
#include "base/utf8.h"

#include <algorithm>
#include <utility>

namespace tpt::augment {

namespace {

using engine::Failure;

FailedRow failed_row(const engine::Response& response, std::int64_t attempts, std::string partial) {
  partial += valid_utf8(response.text);
  return {response.error.empty() ? "the engine did not say why" : response.error, response.failure,
          attempts, std::move(partial)};
}

}  // namespace

Asking::Asking(const Config& config, const Prompt& prompt, engine::Engine& engine,
               storage::Journal& journal)
    : config_(config), prompt_(prompt), engine_(engine), journal_(journal) {}

Asking::~Asking() { cancel_.request_stop(); }

Asking::Begun Asking::begin(const Piece& piece, std::int64_t place) {
  Begun begun;
  PieceRequest request;
  try {
    request = make_request(config_, prompt_, piece, engine_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    begun.failed = FailedRow{.error = error.what(), .partial = {}};
    return begun;
  }
  begun.identity = request.hash;
  begun.seed = request.request.sampling.seed;
  begun.context_bytes = request.context_bytes;
  if (const auto same = tickets_.find(request.hash); same != tickets_.end()) {
    begun.shares = true;
    chains_.at(same->second).places.push_back(place);
    return begun;
  }
  Chain chain{.piece = piece, .places = {place}, .identity = request.hash};
  chain.context_bytes = request.context_bytes;
  if (advance(chain, request)) {
    begun.answer = std::move(chain.so_far);
    return begun;
  }
  const std::uint64_t ticket = ++last_ticket_;
  tickets_.emplace(begun.identity, ticket);
  submit(ticket, chains_.emplace(ticket, std::move(chain)).first->second, std::move(request));
  return begun;
}

std::optional<Answer> Asking::journaled(const Piece& piece) {
  PieceRequest request = make_request(config_, prompt_, piece, engine_);
  Chain chain{.piece = piece, .identity = request.hash};
  if (!advance(chain, request)) return std::nullopt;
  return std::move(chain.so_far);
}

// The request of the chain's present step.
PieceRequest Asking::request_of(const Chain& chain) const {
  PieceRequest request = make_request(config_, prompt_, chain.piece, engine_);
  if (chain.shortened) {
    shorten(request, chain.context_bytes, config_, prompt_, chain.piece, engine_);
  }
  if (chain.steps > 0) continue_from(request, chain.so_far.thinking, config_);
  return request;
}

// Takes the steps that stand in the journal. True where the answer is whole; else `request` is the
// step that is missing.
bool Asking::advance(Chain& chain, PieceRequest& request) {
  while (true) {
    const auto found = journal_.find(chain.piece.id(), chain.piece.rollout, request.hash);
    if (!found) return false;
    Answer step = decode(*found, chain.piece.id());
    // An answer that was stopped is none for a run that stops no loops.
    if (step.finish == Finish::loop && !config_.stop_loops) return false;
    if (!step.settled_under.empty()) {
      if (step.settled_under != cap_policy(config_)) return false;
      chain.so_far = std::move(step);
      return true;
    }
    chain.shortened = step.context_bytes != chain.context_bytes && chain.steps == 0;
    chain.context_bytes = step.context_bytes;
    if (!take_step(chain, std::move(step))) return true;
    request = request_of(chain);
  }
}

// Adds a finished step; true where the engine is to go on from there.
bool Asking::take_step(Chain& chain, Answer step) const {
  const bool is_empty = step.thinking.empty();
  Answer& all = chain.so_far;
  if (chain.steps == 0) {
    all = std::move(step);
  } else {
    all.thinking += step.thinking;
    all.finish = step.finish;
    all.prompt_tokens += step.prompt_tokens;
    all.thinking_tokens += step.thinking_tokens;
    all.seconds += step.seconds;
  }
  const bool goes_on = config_.at_cap == AtCap::go_on && all.finish == Finish::length &&
                       !is_empty && chain.steps < config_.max_continuations;
  if (goes_on) ++chain.steps;
  chain.attempts = 0;
  return goes_on;
}

void Asking::submit(std::uint64_t ticket, Chain& chain, PieceRequest request) {
  chain.step_hash = std::move(request.hash);
  chain.context_bytes = request.context_bytes;
  request.request.predicted_tokens = static_cast<std::int64_t>(predicted_tokens_);
  request.request.cancel = cancel_.get_token();
  if (config_.stop_loops) {
    // Each copy of the request watches for itself: an engine may ask twice at once.
    request.request.keep_going = [watch = LoopWatch()](std::string_view text) mutable {
      return !watch.loops(text);
    };
  }
  engine_.submit(std::move(request.request), [mailbox = mailbox_, ticket](engine::Response answer) {
    mailbox->put({ticket, std::move(answer)});
  });
}

std::vector<Asking::Settled> Asking::collect(const std::stop_token& stop,
                                             std::chrono::milliseconds longest, bool may_ask) {
  std::vector<Settled> all;
  for (const Mailbox::Letter& letter : mailbox_->take(stop, longest)) {
    const auto found = chains_.find(letter.ticket);
    TPT_CHECK(found != chains_.end(), "two answers to one request");
    Chain& chain = found->second;
    const engine::Response& response = letter.response;
    counts_.generated_tokens += response.generated_tokens + response.wasted_generated_tokens;
    counts_.wasted_tokens += response.wasted_generated_tokens;
    Settled settled;
    const Next next = response.finish == Finish::error
                          ? take_failure(letter.ticket, chain, response, may_ask, settled.failed)
                          : take_answer(letter.ticket, chain, response, may_ask);
    if (next == Next::asked) continue;
    tickets_.erase(chain.identity);
    if (next == Next::settled) {
      settled.places = std::move(chain.places);
      if (!settled.failed) settled.answer = std::move(chain.so_far);
      all.push_back(std::move(settled));
    }
    chains_.erase(found);
  }
  return all;
}

Asking::Next Asking::take_answer(std::uint64_t ticket, Chain& chain,
                                 const engine::Response& response, bool may_ask) {
  Answer step = make_answer(response, think_start_of(config_), config_.think_end);
  step.context_bytes = chain.context_bytes;
  journal_.put(chain.piece.id(), chain.piece.rollout, chain.step_hash, encode(step));
  ++counts_.answers;
  constexpr double kWeight = 0.02;
  const auto tokens = static_cast<double>(response.generated_tokens);
  predicted_tokens_ += predicted_tokens_ == 0 ? tokens : kWeight * (tokens - predicted_tokens_);
  if (step.finish == Finish::loop) {
    counts_.saved_tokens +=
        std::max<std::int64_t>(0, config_.max_thinking_tokens - response.generated_tokens);
  }
  if (!take_step(chain, std::move(step))) return Next::settled;
  PieceRequest request = request_of(chain);
  if (advance(chain, request)) return Next::settled;
  if (!may_ask) return Next::dropped;
  submit(ticket, chain, std::move(request));
  return Next::asked;
}

Asking::Next Asking::take_failure(std::uint64_t ticket, Chain& chain,
                                  const engine::Response& response, bool may_ask,
                                  std::optional<FailedRow>& failed) {
  counts_.wasted_tokens += response.generated_tokens;
  chain.attempts += std::max<std::int64_t>(1, response.attempts);
  switch (response.failure) {
    case Failure::unauthorized:
      if (hopeless_.empty()) hopeless_ = response.error;
      return Next::dropped;
    case Failure::too_long:
      // What there is of it is thinking that hit a cap.
      if (chain.steps > 0) return Next::settled;
      if (!may_ask) return Next::dropped;
      if (ask_shorter(ticket, chain, response)) return Next::asked;
      break;
    case Failure::refused:
      break;
    case Failure::none:
    case Failure::busy:
    case Failure::unreachable:
    case Failure::timed_out:
    case Failure::broken:
    case Failure::cancelled:
    case Failure::internal:
      if (chain.attempts >= config_.attempts) break;
      if (!may_ask) return Next::dropped;
      submit(ticket, chain, request_of(chain));
      return Next::asked;
  }
  failed = failed_row(response, chain.attempts, std::move(chain.so_far.thinking));
  return Next::settled;
}

// Once: asks again with less context, where that leaves some.
bool Asking::ask_shorter(std::uint64_t ticket, Chain& chain, const engine::Response& response) {
  if (chain.shortened) return false;
  PieceRequest request = request_of(chain);
  const std::int64_t context = shorter_context(request, response);
  if (context <= 0) return false;
  chain.shortened = true;
  shorten(request, context, config_, prompt_, chain.piece, engine_);
  submit(ticket, chain, std::move(request));
  return true;
}

}  // namespace tpt::augment
