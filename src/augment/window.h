// The rows between their reading and their writing, in their order.
#pragma once

#include "augment/answer.h"
#include "augment/output.h"
#include "augment/piece.h"
#include "records/trajectory.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace tpt::augment {

struct Slot {
  enum class State { waiting, answered, failed };

  Piece piece;
  Trajectory trajectory;
  State state = State::waiting;
  bool from_journal = false;
  bool spilled = false;           // its thinking stands only in the journal, for want of memory
  std::int64_t journal_puts = 0;  // to be committed before it may be written
  std::optional<FailedRow> failed;
};

class Window {
 public:
  Slot& add(Slot slot) {
    bytes_ += slot.piece.text().size() + slot.piece.document->metadata.size();
    slots_.push_back(std::move(slot));
    return slots_.back();
  }
  Slot take_first() {
    Slot first = std::move(slots_.front());
    slots_.pop_front();
    ++first_;
    bytes_ -= first.piece.text().size() + first.piece.document->metadata.size();
    thinking_bytes_ -= first.trajectory.text.size();
    return first;
  }
  // Gives the slot its thinking, or leaves it in the journal where memory is short.
  void hold(Slot& slot, std::string thinking) {
    if (thinking_bytes_ + thinking.size() > kThinkingBytes && &slot != &slots_.front()) {
      slot.spilled = true;
      return;
    }
    thinking_bytes_ += thinking.size();
    slot.trajectory.text = std::move(thinking);
  }

  Slot& at(std::int64_t place) { return slots_.at(static_cast<std::size_t>(place - first_)); }
  const Slot& front() const { return slots_.front(); }
  bool empty() const { return slots_.empty(); }
  std::int64_t size() const { return static_cast<std::int64_t>(slots_.size()); }
  // The place of the slot that is added next; places count from 0 in the rows' order.
  std::int64_t next_place() const { return first_ + size(); }
  bool has_room() const { return slots_.empty() || bytes_ < kTextBytes; }
  auto begin() const { return slots_.begin(); }
  auto end() const { return slots_.end(); }

 private:
  static constexpr std::size_t kTextBytes = std::size_t{256} << 20U;
  static constexpr std::size_t kThinkingBytes = std::size_t{128} << 20U;

  std::deque<Slot> slots_;
  std::int64_t first_ = 0;  // place of the first slot
  std::size_t bytes_ = 0;   // of documents
  std::size_t thinking_bytes_ = 0;
};

}  // namespace tpt::augment
