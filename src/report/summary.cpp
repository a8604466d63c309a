#include "report/summary.h"

#include "report/efficiency.h"
#include "report/statistics.h"

#include <cmath>

namespace tpt::report {
namespace {

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(const CurvePoint& point) {
  return {{"tokens", point.tokens},
          {"accuracy", point.accuracy},
          {"stderr", point.standard_error},
          {"stderr_seeds", point.seeds > 1 ? Json(point.stderr_seeds) : Json(nullptr)},
          {"stderr_questions", point.stderr_questions},
          {"seeds", point.seeds},
          {"correct", point.correct},
          {"questions", point.questions},
          {"document_loss", number_or_null(point.document_loss)},
          {"train_seconds", number_or_null(point.train_seconds)},
          {"train_flops", number_or_null(point.train_flops)}};
}

Json curve_json(const ExperimentPart* experiment, const std::string& arm) {
  Json points = Json::array();
  if (experiment != nullptr) {
    for (const CurvePoint& point : curve(experiment->runs, arm)) {
      points.push_back(json_of(point));
    }
  }
  return points;
}

Json json_of(const Need& need) {
  const char* kind = need.kind == Need::Kind::exact     ? "exact"
                     : need.kind == Need::Kind::at_most ? "at most"
                                                        : "more than";
  return {{"tokens", need.tokens}, {"kind", kind}};
}

Json json_of(const Efficiency& efficiency) {
  Json ladder = Json::array();
  for (const Rung& rung : efficiency.ladder) {
    ladder.push_back({{"accuracy", rung.level},
                      {"vanilla", json_of(*rung.vanilla)},
                      {"tpt", json_of(*rung.tpt)},
                      {"ratio", to_json(rung.ratio)}});
  }
  Json by_seed = Json::array();
  for (const Ratio& ratio : efficiency.by_seed) {
    by_seed.push_back(to_json(ratio));
  }
  return {{"reference_accuracy", efficiency.level},
          {"why", efficiency.ratio.why},
          {"ladder", std::move(ladder)},
          {"by_seed", std::move(by_seed)},
          {"definition", efficiency_definition()}};
}

Json json_of(const AugmentPart& part) {
  return {{"documents", part.documents},
          {"tokens", part.thinking_tokens},
          {"seconds", number_or_null(part.seconds)},
          {"engine", part.engine},
          {"engine_is_rule", part.engine_is_rule},
          {"prompt_tokens", part.prompt_tokens},
          {"failed", part.failed}};
}

Json json_of(const Flow& flow) {
  Json json = {{"title", flow.title}};
  if (flow.augment) {
    json["augment"] = json_of(*flow.augment);
  }
  if (flow.filter) {
    json["filter"] = {{"kept", flow.filter->kept},
                      {"rejected", flow.filter->rejected},
                      {"reasons", flow.filter->reasons}};
  }
  if (flow.pack) {
    Json arms = Json::array();
    for (const PackedArm& arm : flow.pack->arms) {
      arms.push_back({{"arm", arm.arm},
                      {"samples", arm.samples},
                      {"dropped", arm.dropped},
                      {"tokens", arm.tokens}});
    }
    json["pack"] = std::move(arms);
  }
  if (flow.experiment) {
    Json arms = Json::object();
    for (const Arm& arm : arms_of(*flow.experiment)) {
      arms[arm.name] = curve_json(&*flow.experiment, arm.name);
    }
    json["experiment"] = {{"task", flow.experiment->task},
                          {"model", flow.experiment->model},
                          {"chance", flow.experiment->chance},
                          {"sft_examples", flow.experiment->sft_examples},
                          {"arms", std::move(arms)},
                          {"thinking",
                           {{"seconds", number_or_null(flow.experiment->thinking_seconds)},
                            {"tokens", flow.experiment->thinking_tokens},
                            {"flops", number_or_null(flow.experiment->thinking_flops)}}}};
  }
  return json;
}

const ExperimentPart* first_experiment(const Page& page) {
  for (const Flow& flow : page.flows) {
    if (flow.experiment) {
      return &*flow.experiment;
    }
  }
  return nullptr;
}

const AugmentPart* headline_augment(const Page& page) {
  const AugmentPart* first = nullptr;
  for (const Flow& flow : page.flows) {
    if (flow.augment) {
      if (!flow.augment->engine_is_rule) {
        return &*flow.augment;
      }
      first = first != nullptr ? first : &*flow.augment;
    }
  }
  return first;
}

Json spearman_json(const Page& page) {
  for (const Flow& flow : page.flows) {
    if (flow.augment) {
      const StepsCorrelation correlation = length_against_steps(*flow.augment);
      if (correlation.documents > 0) {
        return correlation.spearman ? Json(*correlation.spearman) : Json(nullptr);
      }
    }
  }
  return nullptr;
}

}  // namespace

Json summary(const Page& page) {
  const ExperimentPart* experiment = first_experiment(page);
  const AugmentPart* augment = headline_augment(page);
  Json json = Json::object();
  for (const char* arm : {"vanilla", "tpt", "shuffled"}) {
    json[arm] = curve_json(experiment, arm);
  }
  const Efficiency efficiency = experiment != nullptr ? data_efficiency(*experiment) : Efficiency{};
  json["data_efficiency"] = experiment != nullptr ? to_json(efficiency.ratio) : Json(nullptr);
  json["length_steps_spearman"] = spearman_json(page);
  json["augment"] = augment != nullptr ? json_of(*augment) : Json(nullptr);
  if (experiment != nullptr) {
    json["data_efficiency_detail"] = json_of(efficiency);
  }
  json["commit"] = page.commit;
  json["machine"] = page.machine;
  json["seconds"] = number_or_null(page.seconds);
  json["flows"] = Json::array();
  for (const Flow& flow : page.flows) {
    json["flows"].push_back(json_of(flow));
  }
  return json;
}

}  // namespace tpt::report
