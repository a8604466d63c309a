#include "tasks/grade.h"

namespace tpt::tasks {

namespace {

constexpr std::string_view kThinkOpens = "<think>";
constexpr std::string_view kThinkCloses = "</think>";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::string_view normalised_view(std::string_view answer) {
  answer = trimmed(answer);
  if (answer.ends_with('.')) {
    answer = trimmed(answer.substr(0, answer.size() - 1));
  }
  return answer;
}

}  // namespace

std::string normalised(std::string_view answer) { return std::string(normalised_view(answer)); }

std::optional<std::string> extract_answer(std::string_view output, std::string_view marker) {
  const std::size_t closes = output.rfind(kThinkCloses);
  if (closes != std::string_view::npos) {
    output.remove_prefix(closes + kThinkCloses.size());
  }
  if (output.find(kThinkOpens) != std::string_view::npos) {
    return std::nullopt;
  }
  if (!marker.empty()) {
    const std::size_t marked = output.rfind(marker);
    if (marked == std::string_view::npos) {
      return std::nullopt;
    }
    output.remove_prefix(marked + marker.size());
    output = output.substr(0, output.find('\n'));
  }
  const std::string_view answer = normalised_view(output);
  if (answer.empty() || answer.size() > kMaxAnswerBytes) {
    return std::nullopt;
  }
  return std::string(answer);
}

bool grade(const std::optional<std::string>& extracted, std::string_view answer) {
  const std::string_view expected = normalised_view(answer);
  return extracted && !expected.empty() && normalised_view(*extracted) == expected;
}

}  // namespace tpt::tasks
