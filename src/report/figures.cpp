#include "report/figures.h"

#include "report/lengths.h"
#include "report/number_text.h"
#include "report/statistics.h"
#include "report/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace tpt::report {
namespace {

std::string figure_id(std::size_t flow_number, std::string_view name) {
  return fmt::format("flow-{}-{}", flow_number, name);
}

Json arms_json(const ExperimentPart& experiment, bool loss) {
  Json arms = Json::array();
  for (const Arm& arm : arms_of(experiment)) {
    Json points = Json::array();
    for (const CurvePoint& point : curve(experiment.runs, arm.name)) {
      const double value = loss ? point.document_loss : point.accuracy;
      const double error = loss ? point.document_loss_stderr : point.standard_error;
      if (std::isfinite(value)) {
        points.push_back({{"tokens", point.tokens},
                          {"value", value},
                          {"error", std::isfinite(error) ? error : 0.0}});
      }
    }
    Json runs = Json::array();
    for (const RunPoint& run : experiment.runs) {
      const double value =
          loss ? run.document_loss
               : static_cast<double>(run.correct) / static_cast<double>(run.questions);
      if (run.arm == arm.name && run.questions > 0 && std::isfinite(value)) {
        runs.push_back({{"tokens", run.train_tokens}, {"value", value}, {"seed", run.seed}});
      }
    }
    if (!points.empty()) {
      arms.push_back({{"name", arm.name},
                      {"label", arm_label(&experiment, arm.name)},
                      {"points", std::move(points)},
                      {"runs", std::move(runs)}});
    }
  }
  return arms;
}

Json compute_json(const ExperimentPart& experiment) {
  Json rows = Json::array();
  for (const Arm& arm : arms_of(experiment)) {
    const std::vector<CurvePoint> points = curve(experiment.runs, arm.name);
    if (points.empty() || !std::isfinite(points.back().train_seconds)) {
      continue;
    }
    const bool thinks = arm.name != "vanilla" && std::isfinite(experiment.thinking_seconds);
    rows.push_back({{"label", arm_label(&experiment, arm.name)},
                    {"training", points.back().train_seconds},
                    {"thinking", thinks ? experiment.thinking_seconds : 0.0}});
  }
  return rows;
}

Figure length_figure(const AugmentPart& part, std::size_t flow_number) {
  const std::vector<LengthGroup> groups = lengths_by_domain(part);
  return {figure_id(flow_number, "length"),
          "lengths",
          "Thinking length by domain",
          fmt::format("Tokens of thinking a document, written by {}. Box: middle half with the "
                      "median; whiskers: 5th to 95th percentile; dots: documents.",
                      engine_label(part)),
          {{"groups", groups_json(groups)},
           {"dots", dots_json(groups)},
           {"axis", ""},
           {"upright", false}}};
}

Figure steps_figure(const AugmentPart& part, std::size_t flow_number,
                    const StepsCorrelation& correlation) {
  const std::vector<LengthGroup> groups = lengths_by_steps(part);
  const std::string rank = correlation.spearman ? fmt::format("Spearman's rank correlation {:.2f}",
                                                              *correlation.spearman)
                                                : "no rank correlation: one side is constant";
  return {figure_id(flow_number, "steps"),
          "lengths",
          "Thinking length against steps",
          fmt::format("{}, over {} documents whose number of steps is known; thinking by {}.", rank,
                      count_text(correlation.documents), engine_label(part)),
          {{"groups", groups_json(groups)},
           {"dots", dots_json(groups)},
           {"axis", "steps in the document"},
           {"upright", true}}};
}

}  // namespace

std::string engine_label(const AugmentPart& part) {
  const std::string name = part.engine.empty() ? "an unnamed engine" : part.engine;
  if (part.engine_is_rule && name.find("rule") == std::string::npos) {
    return name + " (a rule, not a model)";
  }
  return name;
}

std::vector<Figure> experiment_figures(const Flow& flow, std::size_t flow_number) {
  std::vector<Figure> figures;
  if (!flow.experiment) {
    return figures;
  }
  const ExperimentPart& experiment = *flow.experiment;
  Json accuracy = arms_json(experiment, false);
  if (!accuracy.empty()) {
    figures.push_back({figure_id(flow_number, "accuracy"),
                       "curves",
                       "Accuracy over training tokens",
                       "Mean over seeds with one standard error; small dots are single runs.",
                       {{"arms", std::move(accuracy)},
                        {"percent", true},
                        {"axis", "accuracy"},
                        {"chance", experiment.chance}}});
  }
  Json loss = arms_json(experiment, true);
  if (!loss.empty()) {
    figures.push_back({figure_id(flow_number, "loss"),
                       "curves",
                       "Loss on document tokens",
                       "Held-out documents, document tokens only, lower is better. At equal "
                       "training tokens an arm that thinks has read fewer document tokens.",
                       {{"arms", std::move(loss)},
                        {"percent", false},
                        {"axis", "nats per token"},
                        {"chance", nullptr}}});
  }
  Json compute = compute_json(experiment);
  if (!compute.empty()) {
    figures.push_back({figure_id(flow_number, "compute"),
                       "bars",
                       "Time spent on each side",
                       "Seconds for one run at the largest budget: training it, and writing the "
                       "thinking it was trained on.",
                       {{"rows", std::move(compute)},
                        {"series",
                         {{{"key", "training"}, {"label", "training"}},
                          {{"key", "thinking"}, {"label", "writing the thinking"}}}},
                        {"axis", "seconds"}}});
  }
  return figures;
}

std::vector<Figure> augment_figures(const Flow& flow, std::size_t flow_number) {
  std::vector<Figure> figures;
  if (!flow.augment || flow.augment->points.empty()) {
    return figures;
  }
  const std::set<std::string> domains = [&] {
    std::set<std::string> names;
    for (const DocumentPoint& point : flow.augment->points) {
      names.insert(point.domain);
    }
    return names;
  }();
  const StepsCorrelation correlation = length_against_steps(*flow.augment);
  if (domains.size() > 1 || correlation.documents == 0) {
    figures.push_back(length_figure(*flow.augment, flow_number));
  }
  if (correlation.documents > 0) {
    figures.push_back(steps_figure(*flow.augment, flow_number, correlation));
  }
  return figures;
}

std::vector<Figure> filter_figures(const Flow& flow, std::size_t flow_number) {
  std::vector<Figure> figures;
  if (!flow.filter || flow.filter->kept + flow.filter->rejected == 0) {
    return figures;
  }
  Json rows = Json::array();
  rows.push_back({{"label", "kept"}, {"kept", flow.filter->kept}, {"rejected", 0}});
  std::vector<std::pair<std::string, std::int64_t>> reasons(flow.filter->reasons.begin(),
                                                            flow.filter->reasons.end());
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [reason, documents] : reasons) {
    rows.push_back({{"label", reason}, {"kept", 0}, {"rejected", documents}});
  }
  Json series = Json::array({{{"key", "kept"}, {"label", "kept"}}});
  if (!reasons.empty()) {
    series.push_back({{"key", "rejected"}, {"label", "rejected"}});
  }
  figures.push_back(
      {figure_id(flow_number, "filter"),
       "bars",
       "What the filter did",
       "Documents kept, and rejected by reason.",
       {{"rows", std::move(rows)}, {"series", std::move(series)}, {"axis", "documents"}}});
  return figures;
}

std::vector<Figure> pack_figures(const Flow& flow, std::size_t flow_number) {
  std::vector<Figure> figures;
  if (!flow.pack || flow.pack->arms.empty()) {
    return figures;
  }
  const ExperimentPart* experiment = flow.experiment ? &*flow.experiment : nullptr;
  Json rows = Json::array();
  Json series = Json::array();
  for (const char* kind : {"document", "thinking", "special", "prompt", "answer", "padding"}) {
    const bool used =
        std::any_of(flow.pack->arms.begin(), flow.pack->arms.end(), [&](const PackedArm& arm) {
          const auto found = arm.tokens.find(kind);
          return found != arm.tokens.end() && found->second > 0;
        });
    if (used) {
      series.push_back({{"key", kind}, {"label", kind}});
    }
  }
  for (const PackedArm& arm : flow.pack->arms) {
    Json row = {{"label", arm_label(experiment, arm.arm)}};
    for (const auto& [kind, tokens] : arm.tokens) {
      row[kind] = tokens;
    }
    rows.push_back(std::move(row));
  }
  figures.push_back(
      {figure_id(flow_number, "tokens"),
       "bars",
       "What the tokens are",
       "Tokens of the packed shards by kind, one pass over the data.",
       {{"rows", std::move(rows)}, {"series", std::move(series)}, {"axis", "tokens"}}});
  return figures;
}

Json figures_json(const std::vector<Figure>& figures) {
  Json json = Json::array();
  for (const Figure& figure : figures) {
    json.push_back(
        {{"id", figure.id}, {"kind", figure.kind}, {"title", figure.title}, {"data", figure.data}});
  }
  return json;
}

}  // namespace tpt::report
