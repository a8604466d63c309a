#include "report/efficiency.h"
#include "report/number_text.h"
#include "report/sections.h"
#include "report/verdict.h"

#include <fmt/format.h>

#include <cmath>

namespace tpt::report {
namespace {

std::string short_count(std::int64_t number) {
  return short_count_text(static_cast<double>(number));
}

Html curve_table(const ExperimentPart& experiment) {
  Table table("Accuracy of every arm at every budget",
              {"arm", "training tokens", "accuracy", "standard error", "of it seeds",
               "of it questions", "right / asked", "seeds", "document loss"});
  for (const Arm& arm : arms_of(experiment)) {
    for (const CurvePoint& point : curve(experiment.runs, arm.name)) {
      table.row({arm_label(&experiment, arm.name), count_text(point.tokens),
                 percent_text(point.accuracy), error_text(point.standard_error),
                 point.seeds > 1 ? error_text(point.stderr_seeds) : "not known",
                 error_text(point.stderr_questions),
                 fmt::format("{} / {}", count_text(point.correct), count_text(point.questions)),
                 count_text(point.seeds), decimal_text(point.document_loss, 3)});
    }
  }
  return table.html();
}

std::string need_text(const Need& need) {
  const char* sign = need.kind == Need::Kind::at_most     ? "≤ "
                     : need.kind == Need::Kind::more_than ? "> "
                                                          : "";
  return sign + short_count_text(need.tokens);
}

Html efficiency_block(const ExperimentPart& experiment) {
  const Efficiency efficiency = data_efficiency(experiment);
  Html html;
  html << "<h3>Data efficiency: "_html << to_text(efficiency.ratio)
       << "</h3>\n<div class=\"figures\">\n<div>"_html;
  if (efficiency.ladder.empty()) {
    html << "<p>Here: "_html << efficiency.ratio.why << ".</p>\n"_html;
  } else {
    Table table("Training tokens needed for an accuracy",
                {"accuracy", "vanilla needs", "TPT needs", "ratio"});
    for (const Rung& rung : efficiency.ladder) {
      const bool reference = rung.level == efficiency.level;
      table.row({percent_text(rung.level) + (reference ? " (reference)" : ""),
                 need_text(*rung.vanilla), need_text(*rung.tpt), to_text(rung.ratio)});
    }
    html << table.html();
  }
  if (efficiency.by_seed.size() > 1) {
    html << "<p>At the reference accuracy, seed by seed: "_html;
    for (std::size_t i = 0; i < efficiency.by_seed.size(); ++i) {
      html << (i > 0 ? "; "_html : ""_html) << to_text(efficiency.by_seed[i]);
    }
    html << ".</p>\n"_html;
  }
  return html << "</div>\n<div class=\"definition\"><p>"_html << efficiency_definition()
              << "</p></div>\n</div>\n"_html;
}

// One line an arm, at its largest budget; means over seeds.
Html compute_table(const ExperimentPart& experiment, const AugmentPart* augment) {
  Table table("Compute of one run at its largest budget (mean over seeds)",
              {"arm", "training tokens", "training time", "training FLOPs", "thinking written",
               "time to write it", "FLOPs to write it", "tokens to answer"});
  for (const Arm& arm : arms_of(experiment)) {
    const std::vector<CurvePoint> points = curve(experiment.runs, arm.name);
    if (points.empty()) {
      continue;
    }
    const CurvePoint& last = points.back();
    const bool thinks = arm.name != "vanilla";
    const bool rule = augment != nullptr && augment->engine_is_rule;
    table.row({arm_label(&experiment, arm.name), short_count(last.tokens),
               seconds_text(last.train_seconds), flops_text(last.train_flops),
               thinks ? short_count(experiment.thinking_tokens) + " tokens" : "none",
               thinks ? seconds_text(experiment.thinking_seconds) : "none",
               !thinks ? "none"
               : rule  ? "a rule: none"
                       : flops_text(experiment.thinking_flops),
               short_count_text(last.eval_tokens)});
  }
  return table.html();
}

}  // namespace

Html experiment_section(const Flow& flow, std::size_t flow_number, std::vector<Figure>& figures) {
  Html html;
  if (!flow.experiment) {
    return html;
  }
  const ExperimentPart& experiment = *flow.experiment;
  html << "<h3>What it bought</h3>\n<p>"_html;
  if (!experiment.model.empty()) {
    html << "Model: "_html << experiment.model << ". "_html;
  }
  if (!experiment.task.empty()) {
    html << "Task: "_html << experiment.task << ". "_html;
  }
  html << "Chance is "_html << percent_text(experiment.chance) << "."_html;
  if (experiment.sft_examples > 0) {
    html << " Every arm starts from the same weights for a seed, trains on as many tokens, and is "
            "then fine-tuned on the same "_html
         << experiment.sft_examples << " examples."_html;
  }
  html << "</p>\n"_html;
  const std::vector<Figure> drawn = experiment_figures(flow, flow_number);
  html << "<div class=\"figures\">\n"_html;
  for (const Figure& figure : drawn) {
    if (figure.kind == "curves") {
      html << figure_frame(figure);
    }
  }
  html << "</div>\n<details><summary>The numbers of these curves</summary>\n"_html
       << curve_table(experiment) << "</details>\n"_html << efficiency_block(experiment)
       << "<h3>Compute spent on each side</h3>\n"_html;
  for (const Figure& figure : drawn) {
    if (figure.kind != "curves") {
      html << figure_frame(figure);
    }
  }
  html << compute_table(experiment, flow.augment ? &*flow.augment : nullptr);
  figures.insert(figures.end(), drawn.begin(), drawn.end());
  return html;
}

}  // namespace tpt::report
