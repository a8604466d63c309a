#include "base/error.h"

namespace tpt {

void check_failed(const char* condition, const char* file, int line, const std::string& detail) {
  std::string message = fmt::format("bug in tpt: {} is false at {}:{}", condition, file, line);
  if (!detail.empty()) {
    message += ": " + detail;
  }
  throw Error(ErrorKind::bug, message);
}

}  // namespace tpt
