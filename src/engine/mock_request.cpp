#include "engine/mock_request.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <utility>

namespace tpt::engine {
namespace {

enum class Name {
  other,
  model,
  messages,
  prompt,
  stream,
  stream_options,
  max_tokens,
  n,
  temperature,
  top_p,
  top_k,
  seed,
  stop,
  role,
  content,
  text,
  include_usage
};

constexpr std::array<std::pair<std::string_view, Name>, 17> kNames = {
    {{"model", Name::model},
     {"messages", Name::messages},
     {"prompt", Name::prompt},
     {"stream", Name::stream},
     {"stream_options", Name::stream_options},
     {"max_tokens", Name::max_tokens},
     {"max_completion_tokens", Name::max_tokens},
     {"n", Name::n},
     {"temperature", Name::temperature},
     {"top_p", Name::top_p},
     {"top_k", Name::top_k},
     {"seed", Name::seed},
     {"stop", Name::stop},
     {"role", Name::role},
     {"content", Name::content},
     {"text", Name::text},
     {"include_usage", Name::include_usage}}};

// More than any model's context, and sums of it stay numbers.
constexpr std::int64_t kMostTokens = std::int64_t{1} << 40;

// Receives rapidjson's events. Depth 1 is inside the outermost object.
class Reader {
 public:
  Reader(MockRequest& request, bool keep_text) : request_(request), keep_text_(keep_text) {}

  bool Null() { return true; }
  bool Bool(bool value) {
    if (depth_ == 1 && top_ == Name::stream) request_.stream = value;
    if (depth_ == 2 && top_ == Name::stream_options && inner_ == Name::include_usage) {
      request_.include_usage = value;
    }
    return true;
  }
  bool Int(int value) { return number(value, value); }
  bool Uint(unsigned value) { return number(value, value); }
  bool Int64(std::int64_t value) { return number(value, static_cast<double>(value)); }
  bool Uint64(std::uint64_t value) {
    return number(static_cast<std::int64_t>(value), static_cast<double>(value));
  }
  bool Double(double value) { return number(static_cast<std::int64_t>(-2), value); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return true; }

  bool String(const char* letters, rapidjson::SizeType size, bool) {
    const std::string_view value(letters, size);
    if (top_ == Name::messages) {
      if (depth_ == 3 && inner_ == Name::role) {
        prompt_.add(1);
        prompt_.add(value);
      } else if ((depth_ == 3 && inner_ == Name::content) ||
                 (depth_ == 5 && inner_ == Name::text)) {
        add_text(value);
      }
    } else if (top_ == Name::prompt && depth_ <= 2) {
      ++prompts_;
      add_text(value);
    } else if (top_ == Name::stop && depth_ <= 2) {
      request_.stop.emplace_back(value);
      sampling_.add(value);
    } else if (top_ == Name::model && depth_ == 1) {
      request_.model = value;
    }
    return true;
  }

  bool Key(const char* letters, rapidjson::SizeType size, bool) {
    const std::string_view given(letters, size);
    Name found = Name::other;
    for (const auto& [known, name] : kNames) {
      if (known == given) found = name;
    }
    (depth_ == 1 ? top_ : inner_) = found;
    return true;
  }
  bool StartObject() {
    if (depth_ == 0) is_object_ = true;
    if (depth_ == 2 && top_ == Name::messages) {
      ++messages_;
      prompt_.add(2);
      if (keep_text_) request_.last_message.clear();
    }
    inner_ = Name::other;
    ++depth_;
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return end(); }
  bool StartArray() {
    ++depth_;
    return true;
  }
  bool EndArray(rapidjson::SizeType) { return end(); }

  // What is wrong with the request as a whole, or "".
  std::string_view finish() {
    if (!is_object_) return "the body is not a JSON object";
    if (request_.chat && messages_ == 0) return "Field required: messages";
    if (!request_.chat && prompts_ == 0 && token_ids_ == 0) return "Field required: prompt";
    if (!request_.chat && prompts_ > 1) return "this mock takes one prompt a request";
    if (request_.max_tokens == 0 || request_.max_tokens < -1) {
      return "max_tokens must be at least 1";
    }
    if (request_.choices != 1) return "this mock gives one choice: n must be 1";
    request_.max_tokens = std::min(request_.max_tokens, kMostTokens);
    request_.prompt_bytes += 4 * token_ids_;
    prompt_.add(request_.chat ? 1 : 0);
    request_.prompt = prompt_.key();
    sampling_.add(fields_);
    sampling_.add(request_.model);
    sampling_.add(request_.prompt.high);
    sampling_.add(request_.prompt.low);
    request_.text_key = sampling_.key();
    sampling_.add(static_cast<std::uint64_t>(request_.max_tokens));
    request_.key = sampling_.key();
    return {};
  }

 private:
  bool end() {
    --depth_;
    if (depth_ == 1) top_ = Name::other;
    return true;
  }

  void add_text(std::string_view value) {
    prompt_.add(value);
    request_.prompt_bytes += static_cast<std::int64_t>(value.size());
    if (keep_text_) request_.last_message += value;
  }

  bool number(std::int64_t whole, double value) {
    if (top_ == Name::prompt && depth_ >= 2) {  // token ids
      ++token_ids_;
      prompt_.add(static_cast<std::uint64_t>(whole));
    }
    if (depth_ != 1) return true;
    switch (top_) {
      case Name::max_tokens:
        request_.max_tokens = whole;
        break;
      case Name::n:
        request_.choices = whole;
        break;
      case Name::temperature:
      case Name::top_p:
      case Name::top_k:
      case Name::seed:
        // The order of the fields in the body does not matter: each goes in by its own name.
        field(top_, top_ == Name::seed ? static_cast<std::uint64_t>(whole)
                                       : std::bit_cast<std::uint64_t>(value));
        break;
      default:
        break;
    }
    return true;
  }

  void field(Name name, std::uint64_t bits) {
    fields_ +=
        mix_words(static_cast<std::uint64_t>(name) + 0x9e3779b97f4a7c15, bits ^ 0xe7037ed1a0b428db);
  }

  MockRequest& request_;
  bool keep_text_;
  int depth_ = 0;
  Name top_ = Name::other;
  Name inner_ = Name::other;
  bool is_object_ = false;
  std::int64_t messages_ = 0;
  std::int64_t prompts_ = 0;
  std::int64_t token_ids_ = 0;
  MockHasher prompt_;
  MockHasher sampling_;
  std::uint64_t fields_ = 0;  // a sum, so that their order in the body does not matter
};

// Room for the parser to read whole vectors past the end.
constexpr std::size_t kPaddingBytes = 32;

bool is_utf8(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    std::uint64_t eight = 0;
    if (i + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if ((eight & 0x8080808080808080) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    const unsigned char first = at(i);
    const std::size_t bytes = first < 0x80   ? 1
                              : first < 0xc2 ? 0
                              : first < 0xe0 ? 2
                              : first < 0xf0 ? 3
                              : first < 0xf5 ? 4
                                             : 0;
    if (bytes == 0 || i + bytes > text.size()) return false;
    for (std::size_t k = 1; k < bytes; ++k) {
      if ((at(i + k) & 0xc0U) != 0x80U) return false;
    }
    // Too long a form, a surrogate, or above U+10FFFF.
    if (bytes > 2) {
      const unsigned char second = at(i + 1);
      if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
          (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
        return false;
      }
    }
    i += bytes;
  }
  return true;
}

}  // namespace

bool read_mock_request(std::string_view body, bool chat, bool keep_text, MockRequest& request,
                       std::string& error) {
  request.chat = chat;
  if (!is_utf8(body)) {
    error = "the body is not UTF-8";
    return false;
  }
  std::string copy;
  copy.reserve(body.size() + kPaddingBytes);
  copy.append(body).append(kPaddingBytes, '\0');
  Reader events(request, keep_text);
  rapidjson::InsituStringStream bytes(copy.data());
  // Not recursive: a body of a million brackets must not end the program.
  rapidjson::Reader reader;
  const rapidjson::ParseResult result =
      reader.Parse < rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag > (bytes, events);
  if (result.IsError()) {
    error = std::string("the body is not JSON: ") + rapidjson::GetParseError_En(result.Code());
    return false;
  }
  error = events.finish();
  return error.empty();
}

}  // namespace tpt::engine
