// What the charts are drawn from: the JSON inside the page that the scripts in assets/ read.
#pragma once

#include "base/json.h"
#include "report/page.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::report {

// One chart of the page.
struct Figure {
  std::string id;     // of its element: "flow-1-accuracy"
  std::string kind;   // which function of the scripts draws it
  std::string title;  // spoken by screen readers too
  std::string note;   // how to read it
  Json data;
};

// Nothing where the flow does not hold what the figure shows.
std::vector<Figure> experiment_figures(const Flow& flow, std::size_t flow_number);
std::vector<Figure> augment_figures(const Flow& flow, std::size_t flow_number);
std::vector<Figure> filter_figures(const Flow& flow, std::size_t flow_number);
std::vector<Figure> pack_figures(const Flow& flow, std::size_t flow_number);

// [{"id", "kind", "data"}...]
Json figures_json(const std::vector<Figure>& figures);

// "expert (a rule, not a model)": the name, with the word where it is a rule and does not say so.
std::string engine_label(const AugmentPart& part);

}  // namespace tpt::report
