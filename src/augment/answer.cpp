#include "augment/answer.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "base/white_space.h"

#include <algorithm>

namespace tpt::augment {

Answer make_answer(const engine::Response& response, std::string_view think_start,
                   std::string_view think_end) {
  Answer answer;
  answer.finish = response.finish;
  answer.prompt_tokens = response.prompt_tokens;
  answer.thinking_tokens = response.generated_tokens;
  answer.seconds = response.seconds;
  answer.engine = response.engine;
  std::string_view text = response.text;
  const std::string_view tag = trimmed(think_start);
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (!tag.empty() && from != std::string_view::npos && text.substr(from).starts_with(tag)) {
    text.remove_prefix(from + tag.size());
    text.remove_prefix(text.starts_with('\n') ? 1 : 0);
  }
  const std::size_t end = think_end.empty() ? std::string_view::npos : text.find(think_end);
  if (end != std::string_view::npos) {
    text = text.substr(0, end);
    answer.finish = Finish::stop;
  }
  // A cap on tokens can end the text inside a code point.
  answer.thinking = valid_utf8(text, CutEnd::dropped);
  return answer;
}

std::string encode(const Answer& answer) {
  std::string value = fmt::format(
      R"({{"finish":"{}","prompt_tokens":{},"thinking_tokens":{},"context_bytes":{},"seconds":{})",
      finish_name(answer.finish), answer.prompt_tokens, answer.thinking_tokens,
      answer.context_bytes, answer.seconds);
  if (!answer.engine.empty()) value += fmt::format(R"(,"engine":{})", dump_json(answer.engine));
  if (!answer.settled_under.empty()) {
    value += fmt::format(R"(,"settled_under":{})", dump_json(answer.settled_under));
  }
  value += "}\n";
  value += answer.thinking;
  return value;
}

Answer decode(std::string_view value, std::string_view item) {
  try {
    const std::size_t end = value.find('\n');
    const Json json = parse_json(value.substr(0, end), item);
    return {std::string(value.substr(std::min(end, value.size() - 1) + 1)),
            finish_from_name(json.at("finish").get<std::string>()),
            json.at("prompt_tokens").get<std::int64_t>(),
            json.at("thinking_tokens").get<std::int64_t>(),
            json.at("context_bytes").get<std::int64_t>(),
            json.at("seconds").get<double>(),
            json.value("engine", ""),
            json.value("settled_under", "")};
  } catch (const std::exception& damage) {
    data_error("the journal's answer for {} is damaged ({}): choose another output folder", item,
               damage.what());
  }
}

}  // namespace tpt::augment
