// One answer of an engine to one question, with its verdict: a line of answers.jsonl.
#pragma once

#include "base/json.h"
#include "eval/examine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tpt::eval {

struct Answer {
  std::size_t question = 0;  // its place in the task
  std::int64_t sample = 0;
  std::uint64_t seed = 0;
  std::string prompt;  // as sent
  engine::Response response;
  std::optional<std::string> extracted;
  bool correct = false;
};

Json to_json(const Answer& answer, const Question& question);

// Adds up the answers, config.samples to each question in the questions' order. Name, engine and
// seconds are the caller's to fill in.
Scores add_up(const std::vector<Answer>& answers, const tasks::Task& task, std::int64_t samples);

}  // namespace tpt::eval
