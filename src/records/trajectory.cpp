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
  }
  TPT_CHECK(false, "finish {}", static_cast<int>(finish));
}

Finish finish_from_name(std::string_view name) {
  if (name == "stop") return Finish::stop;
  if (name == "length") return Finish::length;
  if (name == "error") return Finish::error;
  data_error("finish reason: got {}, allowed: stop, length, error", name);
}

}  // namespace tpt
