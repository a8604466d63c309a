#include "corpus/json_text.h"

#include "base/error.h"
#include "base/utf8.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <utility>

namespace tpt::corpus {
namespace {

using Reader = rapidjson::Reader;

// Iterative: a deep text must not end the stack before its depth is counted.
constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag |
                            rapidjson::kParseNumbersAsStringsFlag;

// Whether a number, correct by its grammar, may lie outside what a double can hold.
bool may_overflow(std::string_view number) {
  const std::size_t exponent = number.find_first_of("eE");
  if (exponent == std::string_view::npos) return number.size() > 300;
  return exponent > 100 || number.size() - exponent > 3;
}

struct DepthLimit : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthLimit> {
  explicit DepthLimit(std::size_t max) : left(max) {}
  bool RawNumber(const char* digits, rapidjson::SizeType size, bool /*copy*/) {
    return !may_overflow({digits, size});
  }
  bool StartObject() { return go_down(); }
  bool EndObject(rapidjson::SizeType /*members*/) { return ++left, true; }
  bool StartArray() { return go_down(); }
  bool EndArray(rapidjson::SizeType /*elements*/) { return ++left, true; }
  bool go_down() { return left > 0 && (--left, true); }

  std::size_t left;
};

struct TakeString : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TakeString> {
  bool String(const char* bytes, rapidjson::SizeType size, bool /*copy*/) {
    text.assign(bytes, size);
    return true;
  }
  bool Default() { return false; }

  std::string text;
};

// Whether an escape "\\ud..." may stand in the text.
bool names_surrogate(std::string_view text) {
  for (std::size_t at = text.find('\\'); at != std::string_view::npos;
       at = text.find('\\', at + 1)) {
    const std::string_view escape = text.substr(at + 1, 2);
    if (escape == "ud" || escape == "uD") return true;
  }
  return false;
}

}  // namespace

bool is_surely_json(std::string_view text, std::size_t max_depth) {
  // The parser takes a zero byte for the end of the text, and the second half of a surrogate pair
  // without its first.
  if (text.find('\0') != std::string_view::npos || names_surrogate(text)) return false;
  if (!is_utf8(text)) return false;
  // In place it goes over texts by sixteen bytes.
  std::string copy(text);
  rapidjson::InsituStringStream stream(copy.data());
  DepthLimit limit(max_depth);
  Reader reader;
  return !reader.Parse<kFlags>(stream, limit).IsError();
}

std::string decode_json_string(std::string_view quoted) {
  if (quoted.find('\\') == std::string_view::npos) {
    return std::string(quoted.substr(1, quoted.size() - 2));
  }
  rapidjson::MemoryStream stream(quoted.data(), quoted.size());
  TakeString taken;
  Reader reader;
  TPT_CHECK(!reader.Parse<rapidjson::kParseIterativeFlag>(stream, taken).IsError());
  return std::move(taken.text);
}

}  // namespace tpt::corpus
