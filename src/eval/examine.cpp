#include "eval/examine.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "eval/answer.h"
#include "eval/asking.h"
#include "storage/atomic_file.h"
#include "tasks/grade.h"

#include <chrono>
#include <utility>

namespace tpt::eval {

namespace {

constexpr std::string_view kQuestion = "{{QUESTION}}";

Json recipe_of(Config config) {
  Fields fields("eval");
  describe(fields, config);
  return fields.to_json();
}

std::string digest_of(const tasks::Task& task) {
  Sha256 hash;
  for (const Question& question : task.questions) {
    for (const std::string* field :
         {&question.id, &question.prompt, &question.answer, &question.metadata}) {
      hash.update(fmt::format("{}:", field->size())).update(*field);
    }
  }
  return hash.hex();
}

// What makes two evaluations the same: everything but what came out.
Json identity_of(const Config& config, const tasks::Task& task, const engine::Engine& engine) {
  return {{"task", task.name},
          {"questions_sha256", digest_of(task)},
          {"engine", engine.name()},
          {"recipe", recipe_of(config)}};
}

// The scores a folder already holds; nothing where it is unfinished.
std::optional<Scores> finished_scores(const std::filesystem::path& folder, const Json& identity) {
  const std::filesystem::path file = folder / "scores.json";
  if (!std::filesystem::exists(file)) {
    return std::nullopt;
  }
  const Json json = parse_json(storage::read_file(file), file.string());
  const Json found = json.is_object() ? json.value("evaluation", Json()) : Json();
  if (found != identity) {
    for (const auto& [key, value] : identity.items()) {
      if (!found.is_object() || found.value(key, Json()) != value) {
        user_error(
            "{}: holds the scores of another evaluation (its {} differs); choose another folder or "
            "remove this one",
            folder.string(), key);
      }
    }
  }
  return scores_from_json(json);
}

std::vector<Answer> prepare(const Config& config, const tasks::Task& task) {
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < task.questions.size(); ++i) {
    const Question& question = task.questions[i];
    std::string prompt = config.prompt_template;
    prompt.replace(prompt.find(kQuestion), kQuestion.size(), question.prompt);
    for (std::int64_t sample = 0; sample < config.samples; ++sample) {
      const std::uint64_t seed = derive_seed(static_cast<std::uint64_t>(config.seed), question.id,
                                             fmt::format("eval sample {}", sample));
      answers.push_back({.question = i, .sample = sample, .seed = seed, .prompt = prompt});
    }
  }
  return answers;
}

void grade_all(const Config& config, const tasks::Task& task, std::vector<Answer>& answers) {
  for (Answer& answer : answers) {
    if (answer.response.finish == Finish::error) {
      continue;
    }
    answer.extracted =
        tasks::extract_answer(config.answer_start + answer.response.text, config.answer_marker);
    answer.correct = tasks::grade(answer.extracted, task.questions[answer.question].answer);
  }
}

void write_answers(const std::filesystem::path& file, const tasks::Task& task,
                   const std::vector<Answer>& answers) {
  storage::AtomicFile lines(file);
  for (const Answer& answer : answers) {
    lines.write(dump_json(to_json(answer, task.questions[answer.question])) + "\n");
  }
  lines.commit();
}

void check(const Config& config, const tasks::Task& task) {
  const std::size_t first = config.prompt_template.find(kQuestion);
  if (first == std::string::npos ||
      config.prompt_template.find(kQuestion, first + 1) != std::string::npos) {
    user_error("eval.prompt_template: got \"{}\", allowed: text with {} in it once",
               config.prompt_template, kQuestion);
  }
  if (task.questions.empty()) {
    user_error("the task {} has no questions", task.name);
  }
}

}  // namespace

void describe(Fields& fields, Config& config) {
  fields.integer("max_tokens", config.max_tokens, "generated for each answer at most", 1, 1 << 20);
  fields.number("temperature", config.temperature, "of sampling; 0 takes the likeliest token", 0,
                100);
  fields.number("top_p", config.top_p, "sample from the likeliest tokens of this share", 0, 1);
  fields.integer("samples", config.samples, "answers to each question", 1, 100'000);
  fields.integer("seed", config.seed, "of sampling", 0);
  fields.texts("stop", config.stop, "an answer ends before the first of these");
  fields.text("prompt_template", config.prompt_template,
              "what is sent; {{QUESTION}} stands for the question");
  fields.text("answer_start", config.answer_start, "put at the start of each answer");
  fields.text("answer_marker", config.answer_marker,
              "the answer stands after the last of these; nothing: all that follows the thinking");
  fields.flag("chat", config.chat, "send the prompt as a user's turn of the model's chat template");
}

Scores examine(const Config& config, const tasks::Task& task, engine::Engine& engine,
               const std::filesystem::path& folder, Progress& progress, std::stop_token stop) {
  check(config, task);
  const Json identity = identity_of(config, task, engine);
  if (const auto finished = finished_scores(folder, identity)) {
    return *finished;
  }
  std::filesystem::create_directories(folder);
  const auto started = std::chrono::steady_clock::now();
  std::vector<Answer> answers = prepare(config, task);
  ask_all(config, task, engine, answers, progress, stop);
  grade_all(config, task, answers);

  Scores scores = add_up(answers, task, config.samples);
  if (scores.errors == static_cast<std::int64_t>(answers.size())) {
    remote_error("{}: every one of the {} requests of {} failed; the last said: {}", engine.name(),
                 answers.size(), task.name, answers.back().response.error);
  }
  scores.task = task.name;
  scores.engine = engine.name();
  scores.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  write_answers(folder / "answers.jsonl", task, answers);
  Json json = to_json(scores);
  json["evaluation"] = identity;
  storage::write_file_atomically(folder / "scores.json", dump_json_pretty(json));
  return scores;
}

}  // namespace tpt::eval
