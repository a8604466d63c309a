// JSON texts by a fast parser: what it takes is JSON, and what it does not take is asked again of
// the one whose words people read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tpt::corpus {

// True for a JSON text in valid UTF-8, without unpaired surrogates and numbers beyond a double,
// nested at most `max_depth` deep. False says nothing.
bool is_surely_json(std::string_view text, std::size_t max_depth);

// What a JSON string says, given with its quotes; it must be known to be one.
std::string decode_json_string(std::string_view quoted);

}  // namespace tpt::corpus
