// The obvious ways to what src/filter does with hashes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tpt::filter {

// The words that find_words() finds, in lower case.
std::vector<std::string> slow_words(std::string_view text);

double slow_ngram_share(const std::vector<std::string>& words, std::size_t n);

double slow_copied_share(const std::vector<std::string>& thinking,
                         const std::vector<std::string>& document, std::size_t n);

}  // namespace tpt::filter
