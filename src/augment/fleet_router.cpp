#include "augment/fleet_router.h"

#include <algorithm>

namespace tpt::augment {

std::size_t Router::add_place() {
  const std::size_t place = entries_.size();
  entries_.push_back({kUnavailable, random_.next() >> 1U});
  if (entries_.size() > leaves_) {
    grow();
  }
  winners_[leaves_ + place] = place;
  play_up(place);
  return place;
}

void Router::grow() {
  leaves_ = std::max<std::size_t>(1, 2 * leaves_);
  winners_.assign(2 * leaves_, kNone);
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    winners_[leaves_ + place] = place;
  }
  for (std::size_t node = leaves_ - 1; node >= 1; --node) {
    winners_[node] = winner(winners_[2 * node], winners_[2 * node + 1]);
  }
}

void Router::set_score(std::size_t place, double score) {
  entries_[place].score = score;
  play_up(place);
}

std::size_t Router::best() const {
  const std::size_t place = winners_.empty() ? kNone : winners_[1];
  return place == kNone || entries_[place].score == kUnavailable ? kNone : place;
}

std::size_t Router::best_without(std::size_t place) {
  if (place >= entries_.size()) {
    return best();
  }
  const Entry kept = entries_[place];
  entries_[place].score = kUnavailable;
  play_up(place);
  const std::size_t found = best();
  entries_[place] = kept;
  play_up(place);
  return found;
}

void Router::play_up(std::size_t place) {
  for (std::size_t node = (leaves_ + place) / 2; node >= 1; node /= 2) {
    winners_[node] = winner(winners_[2 * node], winners_[2 * node + 1]);
  }
}

std::size_t Router::winner(std::size_t left, std::size_t right) const {
  if (left == kNone || right == kNone) {
    return left == kNone ? right : left;
  }
  const Entry& a = entries_[left];
  const Entry& b = entries_[right];
  if (a.score != b.score) {
    return a.score < b.score ? left : right;
  }
  return a.used <= b.used ? left : right;
}

}  // namespace tpt::augment
