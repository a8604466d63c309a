// The way of each row to its answer: found in the journal, asked for, asked for again, shortened,
// continued from its cap.
#pragma once

#include "augment/answer.h"
#include "augment/augment.h"
#include "augment/mailbox.h"
#include "augment/output.h"
#include "augment/piece.h"
#include "augment/prompt.h"
#include "augment/request.h"
#include "storage/journal.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

namespace tpt::augment {

// What happened to requests of this process.
struct AskingCounts {
  std::int64_t answers = 0;  // journaled
  std::int64_t generated_tokens = 0;
  std::int64_t wasted_tokens = 0;
  std::int64_t saved_tokens = 0;
};

class Asking {
 public:
  Asking(const Config& config, const Prompt& prompt, engine::Engine& engine,
         storage::Journal& journal);
  // Cancels what is in flight.
  ~Asking();
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  // What is known of a row once it has begun.
  struct Begun {
    std::string identity;
    std::uint64_t seed = 0;
    std::int64_t context_bytes = 0;
    bool shares = false;           // it waits for the answer to the same request
    std::optional<Answer> answer;  // of the journal
    std::optional<FailedRow> failed;
  };
  // Begins the row at `place`; where it has no answer yet, collect() will give it.
  Begun begin(const Piece& piece, std::int64_t place);

  // An answer, or a failure, for the rows at `places`.
  struct Settled {
    std::vector<std::int64_t> places;
    std::optional<Answer> answer;
    std::optional<FailedRow> failed;
  };
  // What has arrived, put into the journal but not committed. Waits for the first at most `longest`
  // or until `stop`. `may_ask`: whether rows may be asked for again; without it they are dropped,
  // neither answered nor failed.
  std::vector<Settled> collect(const std::stop_token& stop, std::chrono::milliseconds longest,
                               bool may_ask);

  // The whole answer of a piece from the journal; nothing where a step of it is missing.
  std::optional<Answer> journaled(const Piece& piece);

  // Rows that wait for the engine.
  std::int64_t in_flight() const { return static_cast<std::int64_t>(chains_.size()); }
  // Put into the journal so far.
  std::int64_t puts() const { return counts_.answers; }
  const AskingCounts& counts() const { return counts_; }
  // Why the engine will answer nothing any more; "" while it may.
  const std::string& hopeless() const { return hopeless_; }

 private:
  struct Chain {
    Piece piece;
    std::vector<std::int64_t> places;
    std::string identity;
    std::string step_hash;  // of the request in flight; `identity` for the first
    std::int64_t context_bytes = 0;
    bool shortened = false;
    Answer so_far;  // of the steps that are finished
    std::int64_t steps = 0;
    std::int64_t attempts = 0;  // of this step
  };

  enum class Next { settled, asked, dropped };

  PieceRequest request_of(const Chain& chain) const;
  bool advance(Chain& chain, PieceRequest& request);
  bool take_step(Chain& chain, Answer step) const;
  void submit(std::uint64_t ticket, Chain& chain, PieceRequest request);
  Next take_answer(std::uint64_t ticket, Chain& chain, const engine::Response& response,
                   bool may_ask);
  Next take_failure(std::uint64_t ticket, Chain& chain, const engine::Response& response,
                    bool may_ask, std::optional<FailedRow>& failed);
  bool ask_shorter(std::uint64_t ticket, Chain& chain, const engine::Response& response);

  const Config& config_;
  const Prompt& prompt_;
  engine::Engine& engine_;
  storage::Journal& journal_;
  // Shared with the engine's callbacks, which may outlive a job that ends with an exception.
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::stop_source cancel_;
  std::unordered_map<std::uint64_t, Chain> chains_;         // by ticket
  std::unordered_map<std::string, std::uint64_t> tickets_;  // by identity
  std::uint64_t last_ticket_ = 0;
  double predicted_tokens_ = 0;
  AskingCounts counts_;
  std::string hopeless_;
};

}  // namespace tpt::augment
