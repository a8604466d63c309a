// The request about one piece, and the hash of all that decides its answer.
#pragma once

#include "augment/augment.h"
#include "augment/piece.h"
#include "augment/prompt.h"

#include <cstdint>
#include <string>

namespace tpt::augment {

struct PieceRequest {
  engine::Request request;
  std::int64_t context_bytes = 0;  // how much of the piece it shows
  std::string hash;                // the row's identity: of piece, prompt, sampling and engine
};

// The same for the same piece, whatever attempt this is and whatever else is in flight. Error(data)
// where the document lacks a field that the prompt names.
PieceRequest make_request(const Config& config, const Prompt& prompt, const Piece& piece,
                          const engine::Engine& engine);

// Shows at most `context_bytes` of the piece, up to the end of a sentence.
void shorten(PieceRequest& request, std::int64_t context_bytes, const Config& config,
             const Prompt& prompt, const Piece& piece, const engine::Engine& engine);

// Goes on from `text`, what was thought so far. The hash becomes that of this question.
void continue_from(PieceRequest& request, std::string_view text, const Config& config);

// How many bytes of the context to show instead of all `context_bytes`, given what the engine said
// of a request that was too long for it: in proportion where it named numbers, else half. 0 where
// nothing would be left.
std::int64_t shorter_context(const PieceRequest& request, const engine::Response& response);

}  // namespace tpt::augment
