#include "lab/questions.h"

#include "base/error.h"
#include "base/random.h"
#include "lab/chain.h"
#include "lab/split.h"

#include <string_view>
#include <unordered_set>

namespace tpt::lab {

namespace {

// `count` different chains of one split, in the order drawn.
std::vector<Question> draw_questions(const Config& config, Split split, std::int64_t count,
                                     std::string_view name) {
  check(config);
  Random random(derive_seed(static_cast<std::uint64_t>(config.seed), name, "lab questions"));
  std::vector<Question> drawn;
  std::unordered_set<std::string> seen;
  while (static_cast<std::int64_t>(drawn.size()) < count) {
    const Chain chain = draw_chain(random, config.min_steps, config.max_steps);
    const std::string asked = expression(chain);
    if (split_of(asked) != split || !seen.insert(asked).second) {
      continue;
    }
    Question question;
    question.id = fmt::format("{}-{:04}", name, drawn.size());
    question.prompt = asked + "=?\n";
    question.answer = std::to_string(result(chain));
    question.metadata = fmt::format(R"({{"domain":"arithmetic","steps":{}}})", chain.steps.size());
    if (split == Split::examples) {
      question.completion = "<think>" + working(chain) + "</think>" + question.answer;
    }
    drawn.push_back(std::move(question));
  }
  return drawn;
}

}  // namespace

std::vector<Question> questions(const Config& config) {
  return draw_questions(config, Split::questions, config.questions, "question");
}

std::vector<Question> examples(const Config& config) {
  return draw_questions(config, Split::examples, config.examples, "example");
}

}  // namespace tpt::lab
