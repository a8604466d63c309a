#include "report/lengths.h"
#include "report/number_text.h"
#include "report/sections.h"
#include "report/statistics.h"
#include "report/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tpt::report {
namespace {

void stat(Html& html, const std::string& value, const std::string& label) {
  html << "<div><b>"_html << value << "</b><span>"_html << label << "</span></div>\n"_html;
}

Html augment_stats(const Flow& flow) {
  const AugmentPart& part = *flow.augment;
  Html html;
  html << "<div class=\"stats\">\n"_html;
  stat(html, count_text(part.documents), "documents thought about");
  stat(html, count_text(part.thinking_tokens), "tokens of thinking");
  if (part.documents > 0) {
    stat(html,
         decimal_text(
             static_cast<double>(part.thinking_tokens) / static_cast<double>(part.documents), 0),
         "tokens a document");
  }
  if (std::isfinite(part.seconds)) {
    stat(html, seconds_text(part.seconds), "to write it");
    if (part.seconds > 0) {
      stat(html, short_count_text(static_cast<double>(part.thinking_tokens) / part.seconds),
           "tokens a second");
    }
  }
  if (flow.filter && flow.filter->kept + flow.filter->rejected > 0) {
    stat(html,
         percent_text(static_cast<double>(flow.filter->kept) /
                      static_cast<double>(flow.filter->kept + flow.filter->rejected)),
         "passed the filter");
  }
  if (part.failed > 0) {
    stat(html, count_text(part.failed), "failed");
  }
  html << "</div>\n"_html;
  return html;
}

Html lengths_table(const AugmentPart& part, bool by_steps) {
  Table table(by_steps ? "Tokens of thinking by steps" : "Tokens of thinking by domain",
              {by_steps ? "steps" : "domain", "documents", "kept", "5 %", "25 %", "median", "75 %",
               "95 %"});
  for (const LengthGroup& group : by_steps ? lengths_by_steps(part) : lengths_by_domain(part)) {
    std::vector<std::string> cells = {
        group.name, count_text(static_cast<std::int64_t>(group.lengths.size())),
        count_text(std::count(group.kept.begin(), group.kept.end(), true))};
    for (double value : group.box()) {
      cells.push_back(decimal_text(value, 0));
    }
    table.row(std::move(cells));
  }
  return table.empty() ? Html() : table.html();
}

Html filter_table(const FilterPart& part) {
  Table table("Documents by verdict", {"verdict", "documents", "share"});
  const auto all = static_cast<double>(part.kept + part.rejected);
  const auto share = [&](std::int64_t documents) {
    return percent_text(static_cast<double>(documents) / all);
  };
  table.row({"kept", count_text(part.kept), share(part.kept)});
  for (const auto& [reason, documents] : part.reasons) {
    table.row({"rejected: " + reason, count_text(documents), share(documents)});
  }
  return table.html();
}

Html pack_table(const Flow& flow) {
  const ExperimentPart* experiment = flow.experiment ? &*flow.experiment : nullptr;
  Table table("Tokens of the packed shards by kind",
              {"shards", "samples", "dropped", "document", "thinking", "special", "other"});
  for (const PackedArm& arm : flow.pack->arms) {
    std::int64_t other = 0;
    std::map<std::string, std::int64_t> named;
    for (const auto& [kind, tokens] : arm.tokens) {
      const bool own_column = kind == "document" || kind == "thinking" || kind == "special";
      (own_column ? named[kind] : other) += tokens;
    }
    table.row({arm_label(experiment, arm.arm), count_text(arm.samples), count_text(arm.dropped),
               count_text(named["document"]), count_text(named["thinking"]),
               count_text(named["special"]), count_text(other)});
  }
  return table.html();
}

Html with_details(const std::vector<Figure>& figures, const Html& tables) {
  Html html;
  if (figures.empty()) {
    return html;
  }
  html << "<div class=\"block\">\n"_html;
  for (const Figure& figure : figures) {
    html << figure_frame(figure);
  }
  html << "<details><summary>The numbers</summary>\n"_html << tables << "</details>\n</div>\n"_html;
  return html;
}

Html augment_part(const Flow& flow, std::size_t flow_number, std::vector<Figure>& figures) {
  Html html;
  html << "<h3>The thinking</h3>\n<p>Written by "_html << engine_label(*flow.augment)
       << ".</p>\n"_html << augment_stats(flow);
  const std::vector<Figure> drawn = augment_figures(flow, flow_number);
  html << "<div class=\"figures\">\n"_html;
  for (const Figure& figure : drawn) {
    const bool by_steps = figure.data["upright"].get<bool>();
    html << with_details({figure}, lengths_table(*flow.augment, by_steps));
  }
  figures.insert(figures.end(), drawn.begin(), drawn.end());
  return html << "</div>\n"_html;
}

}  // namespace

Html figure_frame(const Figure& figure) {
  Html html;
  html << "<figure><figcaption><strong>"_html << figure.title << "</strong><span>"_html
       << figure.note << "</span></figcaption><div class=\"chart\" role=\"img\" id=\""_html
       << figure.id << "\" aria-label=\""_html << figure.title
       << "; the numbers stand in the table below\"></div></figure>\n"_html;
  return html;
}

Html flow_section(const Flow& flow, std::size_t flow_number, std::vector<Figure>& figures) {
  Html html;
  html << "<section class=\"flow\">\n<h2>"_html << flow.title << "</h2>\n"_html;
  if (!flow.description.empty()) {
    html << "<p class=\"lead\">"_html << flow.description << "</p>\n"_html;
  }
  html << experiment_section(flow, flow_number, figures);
  if (flow.augment) {
    html << augment_part(flow, flow_number, figures);
  }
  const std::vector<Figure> filter = filter_figures(flow, flow_number);
  const std::vector<Figure> pack = pack_figures(flow, flow_number);
  html << "<div class=\"figures\">\n"_html
       << with_details(filter, flow.filter ? filter_table(*flow.filter) : Html())
       << with_details(pack, flow.pack ? pack_table(flow) : Html()) << "</div>\n"_html;
  figures.insert(figures.end(), filter.begin(), filter.end());
  figures.insert(figures.end(), pack.begin(), pack.end());
  if (flow.augment) {
    html << samples_section(*flow.augment);
  }
  return html << "</section>\n"_html;
}

}  // namespace tpt::report
