#include "base/error.h"
#include "eval/answer.h"

#include <cmath>

namespace tpt::eval {

namespace {

// Mean and clustered standard error of the shares of right answers, one share a question.
Share share_of(const std::vector<double>& shares) {
  Share share{.questions = static_cast<std::int64_t>(shares.size())};
  if (shares.empty()) {
    return share;
  }
  const auto n = static_cast<double>(shares.size());
  double sum = 0;
  for (const double value : shares) {
    sum += value;
  }
  share.accuracy = sum / n;
  double squares = 0;
  for (const double value : shares) {
    squares += (value - share.accuracy) * (value - share.accuracy);
  }
  share.standard_error = std::sqrt(squares) / n;
  return share;
}

// The steps that the question's metadata name, if they do.
std::optional<std::int64_t> steps_of(const Question& question) {
  const Json metadata = parse_json(question.metadata, "the metadata of question " + question.id);
  if (metadata.is_object() && metadata.contains("steps") && metadata["steps"].is_number_integer()) {
    return metadata["steps"].get<std::int64_t>();
  }
  return std::nullopt;
}

}  // namespace

Json to_json(const Answer& answer, const Question& question) {
  Json line = {{"id", question.id},         {"sample", answer.sample},
               {"prompt", answer.prompt},   {"output", answer.response.text},
               {"extracted", nullptr},      {"answer", question.answer},
               {"correct", answer.correct}, {"finish", finish_name(answer.response.finish)}};
  if (answer.extracted) {
    line["extracted"] = *answer.extracted;
  }
  if (answer.response.finish == Finish::error) {
    line["error"] = answer.response.error;
  }
  line["prompt_tokens"] = answer.response.prompt_tokens;
  line["generated_tokens"] = answer.response.generated_tokens;
  line["seed"] = answer.seed;
  return line;
}

Scores add_up(const std::vector<Answer>& answers, const tasks::Task& task, std::int64_t samples) {
  TPT_CHECK(answers.size() == task.questions.size() * static_cast<std::size_t>(samples));
  Scores scores;
  scores.samples = samples;
  std::vector<double> shares(task.questions.size(), 0.0);
  for (const Answer& answer : answers) {
    const bool failed = answer.response.finish == Finish::error;
    scores.correct += answer.correct ? 1 : 0;
    scores.errors += failed ? 1 : 0;
    scores.no_answer += !failed && !answer.extracted ? 1 : 0;
    scores.truncated += answer.response.finish == Finish::length ? 1 : 0;
    scores.prompt_tokens += answer.response.prompt_tokens;
    scores.generated_tokens += answer.response.generated_tokens;
    shares[answer.question] += answer.correct ? 1.0 / static_cast<double>(samples) : 0.0;
  }
  const Share all = share_of(shares);
  scores.questions = all.questions;
  scores.accuracy = all.accuracy;
  scores.standard_error = all.standard_error;
  std::map<std::int64_t, std::vector<double>> by_steps;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (const auto steps = steps_of(task.questions[i])) {
      by_steps[*steps].push_back(shares[i]);
    }
  }
  for (const auto& [steps, some] : by_steps) {
    scores.by_steps[steps] = share_of(some);
  }
  return scores;
}

Json to_json(const Scores& scores) {
  Json json = {{"task", scores.task},
               {"engine", scores.engine},
               {"questions", scores.questions},
               {"samples", scores.samples},
               {"correct", scores.correct},
               {"accuracy", scores.accuracy},
               {"standard_error", scores.standard_error},
               {"no_answer", scores.no_answer},
               {"truncated", scores.truncated},
               {"errors", scores.errors},
               {"prompt_tokens", scores.prompt_tokens},
               {"generated_tokens", scores.generated_tokens},
               {"seconds", scores.seconds}};
  Json by_steps = Json::array();
  for (const auto& [steps, share] : scores.by_steps) {
    by_steps.push_back({{"steps", steps},
                        {"questions", share.questions},
                        {"accuracy", share.accuracy},
                        {"standard_error", share.standard_error}});
  }
  json["by_steps"] = by_steps;
  return json;
}

Scores scores_from_json(const Json& json) {
  try {
    Scores scores;
    json.at("task").get_to(scores.task);
    json.at("engine").get_to(scores.engine);
    json.at("questions").get_to(scores.questions);
    json.at("samples").get_to(scores.samples);
    json.at("correct").get_to(scores.correct);
    json.at("accuracy").get_to(scores.accuracy);
    json.at("standard_error").get_to(scores.standard_error);
    json.at("no_answer").get_to(scores.no_answer);
    json.at("truncated").get_to(scores.truncated);
    json.at("errors").get_to(scores.errors);
    json.at("prompt_tokens").get_to(scores.prompt_tokens);
    json.at("generated_tokens").get_to(scores.generated_tokens);
    json.at("seconds").get_to(scores.seconds);
    for (const Json& entry : json.at("by_steps")) {
      Share& share = scores.by_steps[entry.at("steps").get<std::int64_t>()];
      entry.at("questions").get_to(share.questions);
      entry.at("accuracy").get_to(share.accuracy);
      entry.at("standard_error").get_to(share.standard_error);
    }
    return scores;
  } catch (const nlohmann::json::exception& error) {
    data_error("not the scores of an evaluation: {}", error.what());
  }
}

}  // namespace tpt::eval
