// The report of a run: one HTML file that works offline, and the figures as JSON.
#pragma once

#include "report/page.h"

#include <filesystem>
#include <string>

namespace tpt::report {

// The page as one self-contained HTML document. Texts in `page` may hold anything: they are shown,
// never run.
std::string render(const Page& page);

// Writes render(page) and dump_json_pretty(summary(page)), each whole or not at all.
void write(const Page& page, const std::filesystem::path& html,
           const std::filesystem::path& summary_json);

}  // namespace tpt::report
