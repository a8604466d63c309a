#include "records/trajectory.h"

#include "base/error.h"

namespace tpt {

std::string_view finish_name(Finish finish) {
  switch (finish) {
    case Finish::stop:
      return "stop";
    case Finish::length:
      return "length";
    case Finish::error:
      return "error";
    case Finish::loop:
      return "loop";
    case Finish::trimmed:
      return "trimmed";
  }
  TPT_CHECK(false, "finish {}", static_cast<int>(finish));
}

Finish finish_from_name(std::string_view name) {
  if (name == "stop") return Finish::stop;
  if (name == "length") return Finish::length;
  if (name == "error") return Finish::error;
  if (name == "loop") return Finish::loop;
  if (name == "trimmed") return Finish::trimmed;
  data_error("finish reason: got {}, allowed: stop, length, error, loop, trimmed", name);
}

}  // namespace tpt
