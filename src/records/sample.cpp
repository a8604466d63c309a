#include "records/sample.h"

#include "base/error.h"

namespace tpt {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::document:
      return "document";
    case Kind::thinking:
      return "thinking";
    case Kind::special:
      return "special";
    case Kind::prompt:
      return "prompt";
    case Kind::answer:
      return "answer";
    case Kind::padding:
      return "padding";
  }
  TPT_CHECK(false, "kind {}", static_cast<int>(kind));
}

}  // namespace tpt
