#include "report/number_text.h"
#include "report/sections.h"

#include <fmt/format.h>

#include <algorithm>

namespace tpt::report {
namespace {

// More of one text than this nobody reads in a report.
constexpr std::size_t kMaxTextBytes = 6000;

Html long_text(Markup css_class, const std::string& label, const std::string& text) {
  Html html;
  const std::string_view shown = cut_text(text, kMaxTextBytes);
  html << "<p class=\"what\">"_html << label << "</p><pre tabindex=\"0\" dir=\"auto\" class=\""_html
       << css_class << "\">"_html << (text.empty() ? std::string_view("(empty)") : shown);
  if (shown.size() < text.size()) {
    html << "\n… (cut here; "_html << static_cast<std::int64_t>(text.size())
         << " bytes in all)"_html;
  }
  html << "</pre>\n"_html;
  return html;
}

std::string ended(const std::string& finish) {
  return finish == "stop"     ? "the engine ended it"
         : finish == "length" ? "it hit the cap on tokens"
         : finish == "error"  ? "the engine gave up"
                              : finish;
}

Html card(const SampleDocument& sample) {
  Html html;
  const std::string_view title = cut_text(sample.title.empty() ? sample.id : sample.title, 160);
  html << "<article class=\"sample "_html << (sample.kept ? "kept"_html : "rejected"_html)
       << "\">\n<h4><bdi>"_html << title
       << "</bdi></h4>\n<p class=\"chips\"><span "
          "class=\"chip verdict\">"_html
       << (sample.kept ? std::string("kept") : "rejected: " + sample.reason) << "</span>"_html;
  if (!sample.domain.empty()) {
    html << "<span class=\"chip\">"_html << cut_text(sample.domain, 80) << "</span>"_html;
  }
  html << "<span class=\"chip\">"_html
       << fmt::format("{} tokens, {}", count_text(sample.thinking_tokens), ended(sample.finish))
       << "</span></p>\n"_html << long_text("document"_html, "document", sample.text)
       << long_text("thinking"_html, "thinking", sample.thinking);
  html << "<p class=\"source\"><bdi>"_html << cut_text(sample.id, 160) << "</bdi>"_html;
  if (!sample.source.empty()) {
    html << " · <bdi>"_html << cut_text(sample.source, 300) << "</bdi>"_html;
  }
  if (!sample.license.empty()) {
    html << " · "_html << cut_text(sample.license, 200);
  }
  html << "</p>\n</article>\n"_html;
  return html;
}

Html column(const AugmentPart& part, bool kept) {
  Html html;
  html << "<div class=\"column\"><h4 class=\"side\">"_html << (kept ? "Kept"_html : "Rejected"_html)
       << "</h4>\n"_html;
  bool any = false;
  for (const SampleDocument& sample : part.samples) {
    if (sample.kept == kept) {
      html << card(sample);
      any = true;
    }
  }
  if (!any) {
    html << "<p>"_html << (kept ? "Nothing was kept."_html : "Nothing was rejected."_html)
         << "</p>\n"_html;
  }
  html << "</div>\n"_html;
  return html;
}

}  // namespace

Html samples_section(const AugmentPart& part) {
  Html html;
  if (part.samples.empty()) {
    return html;
  }
  const auto kept = std::count_if(part.samples.begin(), part.samples.end(),
                                  [](const SampleDocument& sample) { return sample.kept; });
  const bool two_sided = kept > 0 && kept < static_cast<std::ptrdiff_t>(part.samples.size());
  html << "<h3>Documents and their thinking, as they are</h3>\n<p>Thinking by "_html
       << engine_label(part)
       << ". One of every domain that was kept and of every reason to reject, as far as there is "
          "room.</p>\n<div class=\""_html
       << (two_sided ? "samples"_html : "samples one-sided"_html) << "\">\n"_html
       << column(part, true) << column(part, false) << "</div>\n"_html;
  return html;
}

}  // namespace tpt::report
