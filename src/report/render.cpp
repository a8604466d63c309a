#include "report/embedded.h"
#include "report/html.h"
#include "report/report.h"
#include "report/sections.h"

namespace tpt::report {
namespace {

constexpr std::string_view kCharts = "vendor/echarts-6.1.0/echarts.min.js";

// One function around all of our scripts, so that they share names and leave none behind.
std::string own_script() {
  std::string script = "(function () {\n'use strict';\n";
  for (const char* name : {"palette.js", "curves.js", "lengths.js", "bars.js", "page.js"}) {
    script += embedded(name);
  }
  return script + "})();\n";
}

// Nothing may be fetched, and no script or style runs but the three whose hashes stand here.
std::string content_security_policy(std::string_view style, std::string_view own) {
  return "default-src 'none'; script-src " + csp_hash(embedded(kCharts)) + " " + csp_hash(own) +
         "; style-src " + csp_hash(style) + "; base-uri 'none'; form-action 'none'";
}

}  // namespace

std::string render(const Page& page) {
  std::vector<Figure> figures;
  Html body;
  body << hero(page);
  for (std::size_t i = 0; i < page.flows.size(); ++i) {
    body << flow_section(page.flows[i], i + 1, figures);
  }
  body << again_section(page);

  const std::string_view style = embedded("page.css");
  const std::string own = own_script();
  Html html;
  html << "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\""_html;
  html.trusted(content_security_policy(style, own))
      << "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"referrer\" content=\"no-referrer\">\n<title>"_html
      << page.title << "</title>\n<style>"_html;
  html.trusted(style) << "</style>\n</head>\n<body>\n<main>\n"_html << body
                      << "</main>\n<footer>Made by tpt. Charts: Apache ECharts 6.1.0 "
                         "(Apache-2.0), inside this file; the page loads nothing.</footer>\n"
                         "<script type=\"application/json\" id=\"figures\">"_html;
  html.trusted(json_for_script(figures_json(figures))) << "</script>\n<script>"_html;
  html.trusted(embedded(kCharts)) << "</script>\n<script>"_html;
  html.trusted(own) << "</script>\n</body>\n</html>\n"_html;
  return html.str();
}

}  // namespace tpt::report
