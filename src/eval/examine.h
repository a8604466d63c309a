// Runs an engine over a task and scores what it wrote.
#pragma once

#include "base/config.h"
#include "base/progress.h"
#include "engine/engine.h"
#include "tasks/task.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

namespace tpt::eval {

struct Config {
  std::int64_t max_tokens = 256;  // generated for each answer
  double temperature = 0;
  double top_p = 1;
  std::int64_t samples = 1;  // answers to each question
  std::int64_t seed = 1;
  std::vector<std::string> stop;
  std::string prompt_template = "{{QUESTION}}";
  std::string answer_start;   // put at the start of each answer
  std::string answer_marker;  // the answer stands after this; "": all that follows the thinking
  bool chat = false;          // the prompt is a user's turn of the model's chat template
};

void describe(Fields& fields, Config& config);

// Right answers among some of the questions.
struct Share {
  std::int64_t questions = 0;
  double accuracy = 0;
  double standard_error = 0;
};

struct Scores {
  std::string task;
  std::string engine;
  std::int64_t questions = 0;
  std::int64_t samples = 1;  // answers to each question
  std::int64_t correct = 0;  // answers that are right, of questions * samples
  double accuracy = 0;       // mean over questions of the share of right answers
  // Clustered by question: sqrt(sum over questions of (share - accuracy)^2) / questions; with one
  // sample this is sqrt(p (1 - p) / n).
  double standard_error = 0;
  std::int64_t no_answer = 0;  // answers in which none could be found; they count as wrong
  std::int64_t truncated = 0;  // answers that hit max_tokens
  std::int64_t errors = 0;     // requests the engine gave up on; they count as wrong
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  double seconds = 0;
  std::map<std::int64_t, Share> by_steps;  // where the questions' metadata say "steps"
};

Json to_json(const Scores& scores);
Scores scores_from_json(const Json& json);

// Asks every question, keeping the engine at its capacity. The folder gets answers.jsonl (id,
// sample, prompt, output, extracted, answer, correct, finish, error, prompt_tokens,
// generated_tokens, seed; in the order of the questions) and, last, scores.json. A folder that
// holds the finished scores of the same config, questions and engine is read back; of others:
// Error(user). Asked to stop it waits for what is in flight and throws Interrupted; the next call
// starts over. A run in which every request failed is Error(remote) with the engine's last words.
Scores examine(const Config& config, const tasks::Task& task, engine::Engine& engine,
               const std::filesystem::path& folder, Progress& progress, std::stop_token stop);

}  // namespace tpt::eval
