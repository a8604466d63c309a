#include "report/embedded.h"

#include "base/error.h"

namespace tpt::report {

std::string_view embedded(std::string_view name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) {
      return file.bytes;
    }
  }
  TPT_CHECK(false, "no embedded file {}", name);
}

}  // namespace tpt::report
