#include "app/model_shape.h"

#include "base/error.h"

#include <filesystem>

namespace tpt::app {
namespace {

Json values_of(model::Config config) {
  Fields fields("model");
  describe(fields, config);
  return fields.to_json();
}

// 0 stands for what the others make of it.
bool is_left_open(const std::string& option, const Json& value) {
  return value == 0 &&
         (option == "vocab_size" || option == "head_dim" || option == "intermediate_size");
}

}  // namespace

model::Config with_given(model::Config known, const std::string& origin,
                         const model::Config& described, const std::set<std::string>& given) {
  const Json is = values_of(known), asked = values_of(described);
  std::string differing;
  for (const std::string& option : given) {
    if (is.at(option) == asked.at(option) || is_left_open(option, asked.at(option))) continue;
    if (option == "max_positions" && described.max_positions > known.max_positions) {
      known.max_positions = described.max_positions;
      continue;
    }
    differing += fmt::format("{}model.{}: got {}, it has {}", differing.empty() ? "" : "; ", option,
                             dump_json(asked.at(option)), dump_json(is.at(option)));
  }
  if (!differing.empty()) {
    user_error("{}: {}; of a model to go on from only max_positions can be changed, to more",
               origin, differing);
  }
  return known;
}

model::Config shape_to_start_from(const std::string& init_from, const model::Config& described,
                                  const std::set<std::string>& given) {
  const auto file = std::filesystem::path(init_from) / "config.json";
  if (init_from.empty() || !std::filesystem::exists(file)) return described;
  return with_given(model::read_hf_config(file), init_from, described, given);
}

}  // namespace tpt::app
