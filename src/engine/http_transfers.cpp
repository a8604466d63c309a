#include "engine/http_transfers.h"

#include "base/error.h"
#include "engine/http_outcome.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <utility>

namespace tpt::engine {

namespace {

using std::chrono::milliseconds;

// Deadlines are looked at this often at the most; with many transfers less often, because a look
// passes over all of them.
constexpr milliseconds kScanPause{10};
constexpr milliseconds kScanPauseOfMany{100};
constexpr std::size_t kMany = 2000;
// A peer without work keeps its connections for so long.
constexpr std::chrono::seconds kForgetPeerAfter{120};
// Bytes of a slow stream gather for this part of its age.
constexpr double kGatherShare = 0.05;
constexpr milliseconds kMostGathering{250};
constexpr milliseconds kLeastGathering{4};

HttpClock::duration seconds_of(double seconds) {
  // Far enough away for any run, and safe to add to a time.
  constexpr double kMost = 1e9;
  return std::chrono::duration_cast<HttpClock::duration>(
      std::chrono::duration<double>(std::min(seconds, kMost)));
}

}  // namespace

HttpTransfers::HttpTransfers(std::function<void(std::uint64_t)> ask_cancel, std::int64_t most_files)
    : ask_cancel_(std::move(ask_cancel)), most_files_(most_files), share_(curl_share_init()) {
  if (share_ == nullptr) throw std::bad_alloc();
  // One thread uses it: no locks. TLS sessions stay with their lane: a resumed one is not verified
  // again, and another peer may trust others.
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
}

HttpTransfers::~HttpTransfers() {
  drop();
  peers_.clear();
  curl_share_cleanup(share_);
}

void HttpTransfers::drop() {
  for (const std::unique_ptr<HttpTransfer>& transfer : active_) {
    transfer->on_cancel.reset();
    if (transfer->lane != nullptr) transfer->lane->remove(*transfer);
  }
  active_.clear();
  cancellable_.clear();
  waiting_.clear();
}

void HttpTransfers::start(HttpCall call, HttpClock::time_point queued) {
  auto owned = std::make_unique<HttpTransfer>();
  HttpTransfer& transfer = *owned;
  transfer.call = std::move(call);
  transfer.id = next_id_++;
  transfer.queued = queued;
  transfer.last_byte = queued;
  transfer.active_index = active_.size();
  active_.push_back(std::move(owned));
  if (transfer.call.cancel.stop_requested()) {
    finish(transfer, HttpFault::cancelled, "cancelled");
    return;
  }
  if (transfer.call.cancel.stop_possible()) {
    cancellable_.emplace(transfer.id, &transfer);
    transfer.on_cancel.emplace(transfer.call.cancel, [this, id = transfer.id] { ask_cancel_(id); });
  }
  next_scan_ = std::min(next_scan_, overdue(transfer));
  if (waiting_.empty() && has_files_for(transfer)) {
    start_in_lane(transfer);
  } else {
    transfer.waits = true;
    waiting_.push_back(&transfer);
  }
}

// The rest of the process needs files too: a journal that cannot be opened loses more than a
// request that waits.
bool HttpTransfers::has_files_for(const HttpTransfer& transfer) {
  const auto room = [this] {
    const std::int64_t connections = std::max(connected_, poll_.open_sockets());
    return connections + (lanes_ + 1) * HttpLane::kFiles < most_files_;
  };
  if (room()) return true;
  const auto peer = peers_.find(transfer.call.peer.get());
  if (peer != peers_.end() && !peer->second.room.empty() &&
      peer->second.room.back()->has_idle_connection()) {
    return true;
  }
  // Kept connections of other peers may be what takes the files.
  const bool first = waiting_.empty() || waiting_.front() == &transfer;
  if (first && poll_.open_sockets() > connected_) close_unused_lanes();
  return room() || connected_ == 0;
}

void HttpTransfers::start_waiting() {
  // A few, because one whose peer has a kept connection needs no new one.
  constexpr std::size_t kLookedAt = 64;
  for (std::size_t at = 0; at < std::min(kLookedAt, waiting_.size());) {
    HttpTransfer& transfer = *waiting_[at];
    if (!has_files_for(transfer)) {
      ++at;
      continue;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(at));
    transfer.waits = false;
    start_in_lane(transfer);
  }
}

void HttpTransfers::start_in_lane(HttpTransfer& transfer) {
  Peer& peer = peers_[transfer.call.peer.get()];
  if (peer.peer == nullptr) peer.peer = transfer.call.peer;
  HttpLane& lane = lane_for(peer);
  const CURLcode code = lane.start(transfer);
  if (code != CURLE_OK) {
    peer.room.push_back(&lane);
    finish(transfer, code);
    return;
  }
  ++peer.transfers;
  ++connected_;
}

HttpLane& HttpTransfers::lane_for(Peer& peer) {
  if (peer.room.empty()) {
    peer.lanes.push_back(std::make_unique<HttpLane>(peer.peer, share_, poll_, *this));
    ++lanes_;
    peer.room.assign(HttpLane::kTransfers, peer.lanes.back().get());
  }
  // The lane that had the last transfer to end has the connection that is warmest.
  HttpLane& lane = *peer.room.back();
  peer.room.pop_back();
  return lane;
}

void HttpTransfers::cancel(std::uint64_t id) {
  const auto found = cancellable_.find(id);
  if (found != cancellable_.end()) {
    finish(*found->second, HttpFault::cancelled, "cancelled");
  }
}

void HttpTransfers::cancel_all(const HttpPeer& peer) {
  // From the end, because finish() puts the last one in the place of the one that goes.
  for (std::size_t i = active_.size(); i-- > 0;) {
    if (active_[i]->call.peer.get() == &peer) {
      finish(*active_[i], HttpFault::cancelled, "cancelled");
    }
  }
}

void HttpTransfers::arm(HttpLane& lane, HttpClock::time_point due) {
  if (due >= lane.armed) return;
  lane.armed = due;
  lane_timers_.emplace(due, &lane);
}

void HttpTransfers::gather(HttpTransfer& transfer) {
  const HttpClock::duration age = transfer.last_byte - transfer.queued;
  const auto pause = std::min<HttpClock::duration>(
      kMostGathering, std::chrono::duration_cast<HttpClock::duration>(age * kGatherShare));
  if (pause < kLeastGathering) return;
  if (transfer.socket < 0 || !poll_.pause(transfer.socket)) return;
  transfer.paused_socket = transfer.socket;
  gathering_.emplace(transfer.last_byte + pause, transfer.socket);
}

void HttpTransfers::turn(bool may_wait) {
  ready_.clear();
  poll_.wait(may_wait ? wait_milliseconds() : 0, ready_);
  for (const HttpPoll::Ready& ready : ready_) {
    ready.lane->work(ready.socket, ready.events);
    touch(*ready.lane);
  }
  resume_gathered();
  work_timers();
  collect_finished();
  if (!waiting_.empty()) start_waiting();
  if (HttpClock::now() >= next_scan_) scan();
}

int HttpTransfers::wait_milliseconds() const {
  HttpClock::time_point next = next_scan_;
  if (!lane_timers_.empty()) next = std::min(next, lane_timers_.top().first);
  if (!gathering_.empty()) next = std::min(next, gathering_.top().first);
  if (next == HttpClock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(next - HttpClock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void HttpTransfers::work_timers() {
  const HttpClock::time_point now = HttpClock::now();
  while (!lane_timers_.empty() && lane_timers_.top().first <= now) {
    const auto [time, lane] = lane_timers_.top();
    lane_timers_.pop();
    if (time != lane->armed) continue;
    lane->armed = HttpClock::time_point::max();
    if (lane->due <= now) {
      lane->work_timers();
      touch(*lane);
    } else if (lane->due != HttpClock::time_point::max()) {
      arm(*lane, lane->due);
    }
  }
}

void HttpTransfers::resume_gathered() {
  const HttpClock::time_point now = HttpClock::now();
  while (!gathering_.empty() && gathering_.top().first <= now) {
    // Whoever has the socket by now: looking at it once too often does no harm.
    poll_.resume(gathering_.top().second);
    gathering_.pop();
  }
}

void HttpTransfers::touch(HttpLane& lane) {
  if (lane.touched) return;
  lane.touched = true;
  touched_.push_back(&lane);
}

void HttpTransfers::collect_finished() {
  // finish() calls back, and what is called may not start or end transfers: it only queues.
  for (HttpLane* lane : touched_) {
    lane->touched = false;
    CURLcode code = CURLE_OK;
    while (HttpTransfer* transfer = lane->next_finished(code)) finish(*transfer, code);
  }
  touched_.clear();
}

HttpClock::time_point HttpTransfers::overdue(const HttpTransfer& transfer) {
  HttpClock::time_point time = HttpClock::time_point::max();
  if (transfer.call.deadline_seconds > 0) {
    time = transfer.queued + seconds_of(transfer.call.deadline_seconds);
  }
  if (transfer.call.idle_seconds > 0) {
    time = std::min(time, transfer.last_byte + seconds_of(transfer.call.idle_seconds));
  }
  return time;
}

void HttpTransfers::scan() {
  const HttpClock::time_point now = HttpClock::now();
  HttpClock::time_point next = HttpClock::time_point::max();
  // From the end, because finish() puts the last one in the place of the one that goes.
  for (std::size_t i = active_.size(); i-- > 0;) {
    HttpTransfer& transfer = *active_[i];
    const HttpClock::time_point time = overdue(transfer);
    if (time > now) {
      next = std::min(next, time);
      continue;
    }
    const HttpCall& call = transfer.call;
    const bool deadline =
        call.deadline_seconds > 0 && now >= transfer.queued + seconds_of(call.deadline_seconds);
    finish(transfer, HttpFault::timed_out,
           deadline ? fmt::format("no whole answer within {} s", call.deadline_seconds)
                    : fmt::format("no byte of an answer for {} s", call.idle_seconds));
  }
  forget_unused_peers();
  if (next != HttpClock::time_point::max() || !active_.empty()) {
    next = std::max(next, now + (active_.size() < kMany ? kScanPause : kScanPauseOfMany));
  } else if (!peers_.empty()) {
    next = now + kForgetPeerAfter / 4;
  }
  next_scan_ = next;
}

void HttpTransfers::forget_unused_peers() {
  const HttpClock::time_point now = HttpClock::now();
  for (auto at = peers_.begin(); at != peers_.end();) {
    const Peer& peer = at->second;
    const bool unused = peer.transfers == 0 && now - peer.unused_since > kForgetPeerAfter;
    if (!unused) {
      ++at;
      continue;
    }
    for (const std::unique_ptr<HttpLane>& lane : peer.lanes) forget_timers_of(*lane);
    lanes_ -= static_cast<std::int64_t>(peer.lanes.size());
    at = peers_.erase(at);
  }
}

void HttpTransfers::close_unused_lanes() {
  for (auto& [key, peer] : peers_) {
    std::erase_if(peer.room, [](const HttpLane* lane) { return lane->transfers() == 0; });
    lanes_ -= static_cast<std::int64_t>(
        std::erase_if(peer.lanes, [this](const std::unique_ptr<HttpLane>& lane) {
          if (lane->transfers() != 0) return false;
          forget_timers_of(*lane);
          return true;
        }));
  }
}

// A lane that goes must not be called by a timer of its own.
void HttpTransfers::forget_timers_of(const HttpLane& lane) {
  Timers<HttpLane*> kept;
  for (; !lane_timers_.empty(); lane_timers_.pop()) {
    if (lane_timers_.top().second != &lane) kept.push(lane_timers_.top());
  }
  lane_timers_ = std::move(kept);
}

void HttpTransfers::finish(HttpTransfer& transfer, CURLcode code) {
  if (transfer.stopped) {
    finish(transfer, HttpFault::stopped, "stopped");
    return;
  }
  finish(transfer, fault_of(code), error_of(transfer, code));
}

void HttpTransfers::finish(HttpTransfer& transfer, HttpFault fault, std::string error) {
  HttpOutcome outcome = transfer.easy == nullptr ? HttpOutcome{} : outcome_of(transfer);
  outcome.fault = fault;
  outcome.error = std::move(error);
  outcome.first_byte_seconds = transfer.first_byte_seconds;
  const std::chrono::duration<double> seconds = HttpClock::now() - transfer.queued;
  outcome.seconds = seconds.count();
  if (transfer.paused_socket >= 0) poll_.resume(transfer.paused_socket);
  if (transfer.lane != nullptr) {
    HttpLane& lane = *transfer.lane;
    lane.remove(transfer);
    Peer& peer = peers_.at(transfer.call.peer.get());
    peer.room.push_back(&lane);
    if (--peer.transfers == 0) peer.unused_since = HttpClock::now();
    --connected_;
  }
  if (transfer.waits) std::erase(waiting_, &transfer);
  if (transfer.on_cancel) {
    transfer.on_cancel.reset();
    cancellable_.erase(transfer.id);
  }
  const std::size_t index = transfer.active_index;
  const std::unique_ptr<HttpTransfer> owned = std::move(active_[index]);
  if (index + 1 != active_.size()) {
    active_[index] = std::move(active_.back());
    active_[index]->active_index = index;
  }
  active_.pop_back();
  if (owned->call.on_done) owned->call.on_done(outcome);
}

}  // namespace tpt::engine
