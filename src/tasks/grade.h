// From what a model wrote to right or wrong. One grader for every score.
//
// 1. Thinking is cut away: the answer stands after the last "</think>". An output that opens
//    "<think>" after its last "</think>" never finished thinking and has no answer. An output
//    without either is all answer.
// 2. With a marker ("####", "The answer is"): the rest of the line after its last occurrence there;
//    no marker, no answer. Without: all of the text.
// 3. White space around it and one final period are taken off. What is left is compared byte by
//    byte: "04", "4.0" and "4 5" are not "4".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tpt::tasks {

inline constexpr std::size_t kMaxAnswerBytes = 4096;

// The normalised answer; nothing where there is none, or where it is longer than kMaxAnswerBytes.
// `output` includes whatever the answer was started with ("<think>"). Any bytes are allowed.
std::optional<std::string> extract_answer(std::string_view output, std::string_view marker = "");

// Step 3 alone.
std::string normalised(std::string_view answer);

// True where both are the same after step 3; an empty reference answer is never matched.
bool grade(const std::optional<std::string>& extracted, std::string_view answer);

}  // namespace tpt::tasks
