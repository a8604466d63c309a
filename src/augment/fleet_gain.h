// Whether an endpoint does more when it is given more. A server that batches writes more tokens a
// second the more requests it has, up to a point; from there on they wait inside it.
//
// By Little's law the throughput at n requests in flight is n / (seconds of one), so that no clock
// has to be held against bursts of answers: the answers of a window say it themselves.
#pragma once

#include <cstdint>

namespace tpt::augment {

struct AnsweredRequest {
  double sent_seconds = 0;
  double answered_seconds = 0;
  std::int64_t in_flight = 0;  // when it was sent, with itself
  std::int64_t tokens = 0;     // generated
};

enum class GainVerdict {
  open,   // the window is not full
  level,  // it is, at about as many in flight as the window it is held against
  more,   // more in flight brought more
  none    // more in flight brought nothing
};

class ThroughputGain {
 public:
  // The first full window, and from then on the last one that was `more`, is what later ones are
  // held against. A window is full after `enough` answers, as its first one has it, and not before
  // 32. Answers to requests
  // that were sent before the first one came do not count: the endpoint was filling. `settled`: the
  // number in flight is meant to stay, so that what the others are held against follows it.
  GainVerdict add(const AnsweredRequest& answer, std::int64_t enough, bool settled);
  // Requests in flight in the window that others are held against; 0 before there is one.
  double level() const { return reference_.in_flight(); }
  // What is sent before `seconds` counts no longer; the window begins anew.
  void skip_until(double seconds);
  // All is forgotten.
  void reset();

 private:
  struct Window {
    double in_flight_sum = 0;
    double seconds = 0;
    double tokens = 0;
    double answers = 0;

    double in_flight() const { return answers > 0 ? in_flight_sum / answers : 0; }
    void fade_in(const Window& other);
  };

  GainVerdict judge(bool settled);

  Window window_;
  double enough_ = 0;
  Window reference_;
  double counts_from_seconds_ = -1;  // negative: the first answer says
};

}  // namespace tpt::augment
