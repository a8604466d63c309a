#include "base/error.h"
#include "engine/engine.h"

namespace tpt::engine {

std::string_view failure_name(Failure failure) {
  switch (failure) {
    case Failure::none:
      return "none";
    case Failure::busy:
      return "busy";
    case Failure::unreachable:
      return "unreachable";
    case Failure::timed_out:
      return "timed_out";
    case Failure::broken:
      return "broken";
    case Failure::too_long:
      return "too_long";
    case Failure::refused:
      return "refused";
    case Failure::unauthorized:
      return "unauthorized";
    case Failure::cancelled:
      return "cancelled";
    case Failure::internal:
      return "internal";
  }
  TPT_CHECK(false, "unknown failure");
  return "";
}

}  // namespace tpt::engine
