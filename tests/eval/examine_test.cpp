#include "eval/examine.h"

#include "base/error.h"
#include "engine/fake_engine.h"
#include "eval/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tpt::eval {
namespace {

using engine::FakeConfig;
using engine::FakeEngine;
using engine::Request;
using engine::Response;

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream input(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(input, line);) {
    lines.push_back(line);
  }
  return lines;
}

// "1+0=", "1+1=", ...: each with the right answer and a number of steps.
tasks::Task sums(int count) {
  tasks::Task task{.name = "sums", .questions = {}};
  for (int i = 0; i < count; ++i) {
    task.questions.push_back({.id = "q" + std::to_string(i),
                              .prompt = "1+" + std::to_string(i) + "=",
                              .answer = std::to_string(1 + i),
                              .completion = "",
                              .metadata = i % 2 == 0 ? R"({"steps":2})" : R"({"steps":3})"});
  }
  return task;
}

int asked(const Request& request) { return std::stoi(request.prompt.substr(2)); }

// Right where `right` says so, after some thinking.
FakeConfig student(std::function<bool(const Request&)> right) {
  FakeConfig config;
  config.answer = [right](const Request& request) {
    Response response;
    response.text = "<think>one and some</think>" +
                    std::to_string(asked(request) + (right(request) ? 1 : 2)) + ".";
    response.prompt_tokens = 4;
    response.generated_tokens = 10;
    return response;
  };
  return config;
}

class Examine : public testing::Test {
 protected:
  Examine() { std::filesystem::create_directories(folder_); }
  ~Examine() override { std::filesystem::remove_all(folder_); }

  Scores run(const Config& config, const tasks::Task& task, engine::Engine& engine) {
    NoProgress progress;
    return examine(config, task, engine, folder_ / "eval", progress, {});
  }

  std::filesystem::path folder_ =
      testing::TempDir() + "tpt_examine_test_" + std::to_string(::getpid());
};

TEST_F(Examine, CountsRightAnswersInTheOrderOfTheQuestions) {
  FakeConfig fake = student([](const Request& request) { return asked(request) % 4 != 0; });
  fake.threads = 4;
  fake.delay = std::chrono::milliseconds(3);
  FakeEngine engine(fake);
  const Scores scores = run({}, sums(100), engine);
  EXPECT_EQ(scores.task, "sums");
  EXPECT_EQ(scores.engine, "fake");
  EXPECT_EQ(scores.questions, 100);
  EXPECT_EQ(scores.correct, 75);
  EXPECT_DOUBLE_EQ(scores.accuracy, 0.75);
  EXPECT_NEAR(scores.standard_error, std::sqrt(0.75 * 0.25 / 100), 1e-12);
  EXPECT_EQ(scores.generated_tokens, 1000);
  EXPECT_EQ(scores.prompt_tokens, 400);
  EXPECT_GT(scores.seconds, 0);
  ASSERT_EQ(scores.by_steps.size(), 2U);
  EXPECT_DOUBLE_EQ(scores.by_steps.at(2).accuracy, 0.5);
  EXPECT_DOUBLE_EQ(scores.by_steps.at(3).accuracy, 1.0);
  EXPECT_EQ(scores.by_steps.at(3).questions, 50);
  EXPECT_LE(engine.most_in_flight(), engine.capacity());

  const auto lines = lines_of(folder_ / "eval" / "answers.jsonl");
  ASSERT_EQ(lines.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    const Json line = parse_json(lines[static_cast<std::size_t>(i)], "line");
    EXPECT_EQ(line["id"], "q" + std::to_string(i));
    EXPECT_EQ(line["prompt"], "1+" + std::to_string(i) + "=");
    EXPECT_EQ(line["answer"], std::to_string(1 + i));
    EXPECT_EQ(line["extracted"], std::to_string(i + (i % 4 != 0 ? 1 : 2)));
    EXPECT_EQ(line["correct"], i % 4 != 0);
    EXPECT_EQ(line["finish"], "stop");
    EXPECT_FALSE(line.contains("error"));
  }
}

TEST_F(Examine, SendsWhatTheConfigSays) {
  FakeConfig fake;
  std::atomic<int> wrong = 0;
  fake.answer = [&](const Request& request) {
    const bool as_configured =
        request.prompt == "Q: 1+0=\nA:" && request.chat && request.answer_start == "<think>" &&
        request.sampling.temperature == 0.6 && request.sampling.top_p == 0.95 &&
        request.sampling.max_tokens == 77 &&
        request.sampling.stop == std::vector<std::string>{"\n"};
    wrong += as_configured ? 0 : 1;
    return Response{.text = "so #### 9</think> it is #### 1"};
  };
  FakeEngine engine(fake);
  Config config;
  config.prompt_template = "Q: {{QUESTION}}\nA:";
  config.answer_start = "<think>";
  config.answer_marker = "####";
  config.chat = true;
  config.temperature = 0.6;
  config.top_p = 0.95;
  config.max_tokens = 77;
  config.stop = {"\n"};
  EXPECT_EQ(run(config, sums(1), engine).correct, 1);
  EXPECT_EQ(wrong, 0);
}

TEST_F(Examine, AQuestionThatHoldsThePlaceholderIsSentAsItIs) {
  FakeConfig fake;
  fake.answer = [](const Request& request) { return Response{.text = request.prompt}; };
  FakeEngine engine(fake);
  tasks::Task task = sums(1);
  task.questions[0].prompt = task.questions[0].answer = "[{{QUESTION}}]";
  EXPECT_EQ(run({}, task, engine).correct, 1);
}

TEST_F(Examine, ThinkingThatWasStartedForTheModelMustEnd) {
  FakeConfig fake;
  fake.answer = [](const Request& request) {
    return Response{.text = std::to_string(asked(request) + 1)};
  };
  FakeEngine engine(fake);
  Config config;
  config.answer_start = "<think>";
  const Scores scores = run(config, sums(4), engine);
  EXPECT_EQ(scores.correct, 0);
  EXPECT_EQ(scores.no_answer, 4);
}

TEST_F(Examine, FailuresAreCountedAndNotTakenForAnswers) {
  FakeConfig fake;
  fake.answer = [](const Request& request) {
    Response response{.text = std::to_string(asked(request) + 1)};
    if (asked(request) == 0) {
      response.finish = Finish::error;
      response.error = "out of memory";
    } else if (asked(request) == 1) {
      response.finish = Finish::length;
      response.text = "<think>and so on";
    }
    return response;
  };
  FakeEngine engine(fake);
  const Scores scores = run({}, sums(4), engine);
  EXPECT_EQ(scores.errors, 1);
  EXPECT_EQ(scores.truncated, 1);
  EXPECT_EQ(scores.no_answer, 1);
  EXPECT_EQ(scores.correct, 2);
  EXPECT_DOUBLE_EQ(scores.accuracy, 0.5);
  const Json line = parse_json(lines_of(folder_ / "eval" / "answers.jsonl")[0], "line");
  EXPECT_EQ(line["error"], "out of memory");
  EXPECT_EQ(line["correct"], false);
  EXPECT_TRUE(line["extracted"].is_null());
}

TEST_F(Examine, ABrokenEngineGivesNoScores) {
  FakeConfig fake;
  fake.answer = [](const Request&) {
    return Response{.finish = Finish::error, .error = "connection refused"};
  };
  FakeEngine engine(fake);
  try {
    run({}, sums(3), engine);
    FAIL() << "scored";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_THAT(error.what(), testing::HasSubstr("connection refused"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "eval" / "scores.json"));
}

TEST_F(Examine, HostileOutputsAreWrittenAsValidJson) {
  const std::vector<std::string> outputs = {"",
                                            "\xff\xfe",
                                            std::string("\0\0", 2),
                                            std::string(2'000'000, 'x'),
                                            "</think>\n\n\"}",
                                            "<script>alert(1)</script>"};
  FakeConfig fake;
  fake.answer = [&](const Request& request) {
    return Response{.text = outputs[static_cast<std::size_t>(asked(request))]};
  };
  FakeEngine engine(fake);
  const Scores scores = run({}, sums(static_cast<int>(outputs.size())), engine);
  EXPECT_EQ(scores.correct, 0);
  EXPECT_EQ(scores.errors, 0);
  const auto lines = lines_of(folder_ / "eval" / "answers.jsonl");
  ASSERT_EQ(lines.size(), outputs.size());
  for (const std::string& line : lines) {
    EXPECT_NO_THROW(parse_json(line, "line"));
  }
  EXPECT_EQ(parse_json(lines[2], "line")["output"], outputs[2]);
}

TEST_F(Examine, AFinishedFolderIsReadBackAndAnotherEvaluationRefused) {
  FakeEngine engine(student([](const Request& request) { return asked(request) % 3 == 0; }));
  const Scores first = run({}, sums(30), engine);
  EXPECT_EQ(engine.calls(), 30);
  EXPECT_EQ(dump_json(to_json(run({}, sums(30), engine))), dump_json(to_json(first)));
  EXPECT_EQ(engine.calls(), 30) << "asked again";

  const auto refused = [&](const Config& config, const tasks::Task& task, engine::Engine& other) {
    try {
      run(config, task, other);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      return std::string(error.what());
    }
    return std::string();
  };
  Config other_config;
  other_config.max_tokens = 5;
  EXPECT_THAT(refused(other_config, sums(30), engine), testing::HasSubstr("its recipe differs"));
  EXPECT_THAT(refused({}, sums(31), engine), testing::HasSubstr("questions_sha256 differs"));
  FakeEngine other_engine({.name = "another"});
  EXPECT_THAT(refused({}, sums(30), other_engine), testing::HasSubstr("its engine differs"));

  std::ofstream(folder_ / "eval" / "scores.json") << "{\"task\": \"su";
  EXPECT_THROW(run({}, sums(30), engine), Error);
}

TEST_F(Examine, TheSameSeedSendsTheSameRequests) {
  Config config;
  config.samples = 3;
  config.temperature = 1;
  const auto answers = [&](const std::string& name) {
    FakeEngine engine({.threads = 4, .delay = std::chrono::milliseconds(2)});
    NoProgress progress;
    examine(config, sums(20), engine, folder_ / name, progress, {});
    return lines_of(folder_ / name / "answers.jsonl");
  };
  const auto first = answers("a");
  EXPECT_EQ(first.size(), 60U);
  EXPECT_EQ(first, answers("b"));
  EXPECT_NE(parse_json(first[0], "line")["output"], parse_json(first[1], "line")["output"])
      << "samples of one question share a seed";
  config.seed = 2;
  EXPECT_NE(first, answers("c"));
}

TEST_F(Examine, StopsWhenAskedAndStartsOver) {
  std::stop_source source;
  FakeConfig fake = student([](const Request&) { return true; });
  fake.delay = std::chrono::milliseconds(5);
  FakeEngine engine(fake);
  struct StopAtTen : Progress {
    explicit StopAtTen(std::stop_source& stop) : source(stop) {}
    void report(const ProgressState& state) override {
      if (state.done >= 10) {
        source.request_stop();
      }
    }
    std::stop_source& source;
  } progress(source);
  EXPECT_THROW(examine({}, sums(2000), engine, folder_ / "eval", progress, source.get_token()),
               Interrupted);
  EXPECT_LT(engine.calls(), 2000);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "eval" / "scores.json"));
  EXPECT_EQ(run({}, sums(50), engine).correct, 50);
}

TEST_F(Examine, WaitsForWhatIsInFlightWhenSomethingThrows) {
  FakeConfig fake = student([](const Request&) { return true; });
  fake.delay = std::chrono::milliseconds(20);
  FakeEngine engine(fake);
  struct Thrower : Progress {
    void report(const ProgressState&) override { throw std::runtime_error("the terminal is gone"); }
  } progress;
  EXPECT_THROW(examine({}, sums(100), engine, folder_ / "eval", progress, {}), std::runtime_error);
  EXPECT_EQ(run({}, sums(10), engine).correct, 10);
}

TEST_F(Examine, ATemplateWithoutAPlaceForTheQuestionIsRefused) {
  FakeEngine engine;
  for (const char* text : {"", "Q:", "{{QUESTION}} {{QUESTION}}"}) {
    Config config;
    config.prompt_template = text;
    EXPECT_THROW(run(config, sums(1), engine), Error) << text;
  }
}

TEST(ScoresJson, IsReadBack) {
  Scores scores{.task = "t", .engine = "e", .questions = 3, .samples = 2, .correct = 4};
  scores.accuracy = 2.0 / 3;
  scores.standard_error = 0.1;
  scores.by_steps[4] = {.questions = 2, .accuracy = 0.5, .standard_error = 0.25};
  EXPECT_EQ(dump_json(to_json(scores_from_json(to_json(scores)))), dump_json(to_json(scores)));
  EXPECT_THROW(scores_from_json(Json::object()), Error);
  EXPECT_THROW(scores_from_json(Json::parse("[1]")), Error);
}

// Python adds the same verdicts up in its own way, for one and for several samples.
TEST(ScoresSlow, AgreeWithPython) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "needs the Python of the tests (make setup)";
  }
  const std::filesystem::path folder = testing::TempDir() + "tpt_scores_test";
  std::filesystem::create_directories(folder);
  for (const std::int64_t samples : {1, 7}) {
    const tasks::Task task = sums(41);
    std::vector<Answer> answers;
    for (std::size_t i = 0; i < task.questions.size(); ++i) {
      for (std::int64_t s = 0; s < samples; ++s) {
        answers.push_back({.question = i, .sample = s});
        answers.back().correct = (i * 31 + static_cast<std::size_t>(s) * 17) % 5 < 2 + i % 2;
      }
    }
    const Scores scores = add_up(answers, task, samples);
    {
      std::ofstream lines(folder / "answers.jsonl");
      for (const Answer& answer : answers) {
        lines << dump_json(to_json(answer, task.questions[answer.question])) << "\n";
      }
    }
    const std::string command = fmt::format(
        "{} {}/tests/eval/check_scores.py {} {:.17g} {:.17g}", TPT_PYTHON, TPT_SOURCE_DIR,
        (folder / "answers.jsonl").string(), scores.accuracy, scores.standard_error);
    EXPECT_EQ(std::system(command.c_str()), 0) << samples << " samples";
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tpt::eval
