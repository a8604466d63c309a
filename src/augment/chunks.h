// Where a document is cut into pieces, and how much of it a prompt shows.
#pragma once

#include "engine/engine.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tpt::augment {

// How many bytes of `text` to show: at most `max_tokens` tokens, ending with a sentence (or else a
// word, or else a code point). A text that fits is shown whole.
std::size_t context_bytes(std::string_view text, std::int64_t max_tokens,
                          const engine::TokenCounter& tokens);

// The ends of the chunks of `text`, each at most `max_tokens` tokens (0: no limit) and never empty
// unless the text is: at the end of a paragraph where one is in the second half of what fits, else
// of a sentence, a word, a code point. The space after a chunk begins the next one, except at the
// end of the text: no chunk is nothing but the space at the end.
std::vector<std::size_t> chunk_ends(std::string_view text, std::int64_t max_tokens,
                                    const engine::TokenCounter& tokens);

// The end of `text`, at most `max_tokens` tokens, from the start of a sentence (or else a word, or
// else a code point) on.
std::string_view tail_of(std::string_view text, std::int64_t max_tokens,
                         const engine::TokenCounter& tokens);

}  // namespace tpt::augment
