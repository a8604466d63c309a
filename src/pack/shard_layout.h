// Names and constants of the files of a shard (docs/formats.md).
#pragma once

#include "records/sample.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace tpt::pack {

inline constexpr std::string_view kShardPrefix = "tpt_text_document";
inline constexpr std::string_view kShardInfo = "shard.json";
inline constexpr std::string_view kShardTokenizer = "tokenizer.json";

// Megatron .idx
inline constexpr std::string_view kIndexMagic{"MMIDIDX\0\0", 9};
inline constexpr std::uint64_t kIndexVersion = 1;
inline constexpr std::size_t kIndexHeaderBytes = 34;
inline constexpr std::uint8_t kDtypeInt32 = 4;
inline constexpr std::uint8_t kDtypeUint16 = 8;
// Vocabularies below this are written as u16, as Megatron does.
inline constexpr std::int64_t kUint16Vocabulary = 65500;
inline constexpr std::int64_t kMaxSequenceTokens = 0x7FFFFFFF;

// .spans
inline constexpr std::string_view kSpansMagic{"TPTSPAN\0", 8};
inline constexpr std::uint64_t kSpansVersion = 1;
inline constexpr std::size_t kSpansHeaderBytes = 32;
inline constexpr std::size_t kSpanBytes = 5;  // u8 kind, i32 tokens

// .names
inline constexpr std::string_view kNamesMagic{"TPTNAME\0", 8};
inline constexpr std::uint64_t kNamesVersion = 1;
inline constexpr std::size_t kNamesHeaderBytes = 24;

}  // namespace tpt::pack
