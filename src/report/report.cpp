#include "report/report.h"

#include "report/summary.h"
#include "storage/atomic_file.h"

namespace tpt::report {

void write(const Page& page, const std::filesystem::path& html,
           const std::filesystem::path& summary_json) {
  storage::write_file_atomically(html, render(page));
  storage::write_file_atomically(summary_json, dump_json_pretty(summary(page)));
}

}  // namespace tpt::report
