#include "report/efficiency.h"
#include "report/number_text.h"
#include "report/sections.h"
#include "report/verdict.h"

#include <fmt/format.h>

#include <cmath>

namespace tpt::report {
namespace {

Html tile(Markup kind, const std::string& label, const std::string& value,
          const std::string& note) {
  Html html;
  html << "<div class=\"tile "_html << kind << "\"><div class=\"label\">"_html << label
       << "</div><div class=\"value\">"_html << value << "</div><div class=\"note\">"_html << note
       << "</div></div>\n"_html;
  return html;
}

Html accuracy_tile(Markup kind, const ExperimentPart& experiment, const std::string& arm,
                   const CurvePoint& point) {
  return tile(kind, arm_label(&experiment, arm), percent_text(point.accuracy),
              fmt::format("{}, {} of {} right at {} tokens", error_text(point.standard_error),
                          count_text(point.correct), count_text(point.questions),
                          short_count_text(static_cast<double>(point.tokens))));
}

Html efficiency_tile(const ExperimentPart& experiment) {
  const Efficiency efficiency = data_efficiency(experiment);
  if (efficiency.ratio.kind == Ratio::Kind::not_measurable) {
    return tile("small"_html, "Data efficiency", "not measurable", efficiency.ratio.why);
  }
  return tile(efficiency.ratio.kind == Ratio::Kind::exact ? "plain"_html : "small"_html,
              "Data efficiency", to_text(efficiency.ratio),
              fmt::format("vanilla's tokens over TPT's tokens to reach {}",
                          percent_text(efficiency.level)));
}

Html experiment_tiles(const Flow& flow, const Verdict& verdict) {
  Html html;
  html << "<div class=\"tiles\">\n"_html;
  if (verdict.tpt) {
    html << accuracy_tile("tpt"_html, *flow.experiment, "tpt", *verdict.tpt)
         << accuracy_tile("vanilla"_html, *flow.experiment, "vanilla", *verdict.vanilla);
  }
  if (verdict.shuffled) {
    html << accuracy_tile("shuffled"_html, *flow.experiment, "shuffled", *verdict.shuffled);
  }
  html << efficiency_tile(*flow.experiment);
  if (flow.augment) {
    const StepsCorrelation correlation = length_against_steps(*flow.augment);
    if (correlation.documents > 0) {
      html << tile(
          "plain"_html, "Thinking length against steps",
          correlation.spearman ? decimal_text(*correlation.spearman, 2) : "–",
          fmt::format("rank correlation over {} documents", count_text(correlation.documents)));
    }
  }
  html << "</div>\n"_html;
  return html;
}

Html verdict_box(const Flow& flow) {
  const Verdict verdict = judge(*flow.experiment);
  Html html;
  const Markup kind = verdict.outcome == Outcome::gain   ? "gain"_html
                      : verdict.outcome == Outcome::loss ? "loss"_html
                                                         : "none"_html;
  html << "<section class=\"verdict "_html << kind << "\">\n<p class=\"where\">"_html << flow.title;
  if (!flow.experiment->task.empty()) {
    html << ": "_html << flow.experiment->task;
  }
  html << "</p>\n<p class=\"headline\">"_html << verdict.headline << "</p>\n"_html;
  if (!verdict.details.empty()) {
    html << "<ul>"_html;
    for (const std::string& detail : verdict.details) {
      html << "<li>"_html << detail << "</li>\n"_html;
    }
    html << "</ul>"_html;
  }
  html << experiment_tiles(flow, verdict);
  if (flow.augment && flow.augment->engine_is_rule) {
    html << "<p class=\"rule\">The thinking here was written by "_html
         << engine_label(*flow.augment)
         << ". Its steps are always right, which a language model's are not, and its cost says "
            "nothing about a language model's.</p>\n"_html;
  }
  html << "</section>\n"_html;
  return html;
}

// One line for a flow in which nothing was trained.
Html thinking_box(const Flow& flow) {
  const AugmentPart& part = *flow.augment;
  Html html;
  html << "<section class=\"verdict thinking\">\n<p class=\"where\">"_html << flow.title
       << "</p>\n<p>"_html << engine_label(part) << " wrote "_html << part.thinking_tokens
       << " tokens of thinking about "_html << part.documents << " documents"_html;
  if (std::isfinite(part.seconds) && part.seconds > 0) {
    html << " in "_html << seconds_text(part.seconds) << " ("_html
         << short_count_text(static_cast<double>(part.thinking_tokens) / part.seconds)
         << " tokens a second)"_html;
  }
  html << "."_html;
  if (flow.filter && flow.filter->kept + flow.filter->rejected > 0) {
    html << " The filter kept "_html << flow.filter->kept << " of "_html
         << flow.filter->kept + flow.filter->rejected << "."_html;
  }
  return html << " Nothing was compared on them.</p>\n</section>\n"_html;
}

void fact(Html& html, const std::string& name, const std::string& value) {
  if (!value.empty()) {
    html << "<div><dt>"_html << name << "</dt><dd>"_html << value << "</dd></div>\n"_html;
  }
}

}  // namespace

Html hero(const Page& page) {
  Html html;
  html << "<header>\n<p class=\"kicker\">tpt · thinking-augmented pre-training</p>\n<h1>"_html
       << page.title << "</h1>\n<dl class=\"facts\">\n"_html;
  fact(html, "made", page.generated);
  fact(html, "commit", page.commit);
  fact(html, "machine", page.machine);
  if (std::isfinite(page.seconds)) {
    fact(html, "whole run", seconds_text(page.seconds));
  }
  html << "</dl>\n</header>\n"_html;
  for (const Flow& flow : page.flows) {
    if (flow.experiment) {
      html << verdict_box(flow);
    }
  }
  for (const Flow& flow : page.flows) {
    if (flow.augment && !flow.experiment) {
      html << thinking_box(flow);
    }
  }
  return html;
}

}  // namespace tpt::report
