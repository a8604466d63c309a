#include "engine/chat_answer.h"

#include "base/json.h"
#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <rapidjson/error/error.h>
#include <rapidjson/reader.h>

namespace tpt::engine {

namespace {

// Where in the object the reader is.
enum class Place : std::uint8_t {
  elsewhere,
  start,
  root,
  choices,
  choice,
  message,
  parts,
  part,
  part_thinking,
  usage,
  error,
  details,  // of FastAPI: [{"msg": ...}]
  detail
};

enum class Name : std::uint8_t {
  other,
  choices,
  usage,
  error,
  message,
  delta,
  text,
  content,
  reasoning,
  thinking,
  finish_reason,
  prompt_tokens,
  completion_tokens,
  type,
  code,
  detail,
  msg,
  object
};

Name name_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Name>, 20> kNames = {{
      {"choices", Name::choices},
      {"usage", Name::usage},
      {"error", Name::error},
      {"message", Name::message},
      {"delta", Name::delta},
      {"text", Name::text},
      {"content", Name::content},
      {"reasoning_content", Name::reasoning},
      {"reasoning", Name::reasoning},
      {"reasoning_text", Name::reasoning},
      {"thinking", Name::thinking},
      {"finish_reason", Name::finish_reason},
      {"prompt_tokens", Name::prompt_tokens},
      {"completion_tokens", Name::completion_tokens},
      {"type", Name::type},
      {"code", Name::code},
      {"detail", Name::detail},
      {"object", Name::object},
      {"msg", Name::msg},
      {"error_type", Name::type},
  }};
  for (const auto& [word, value] : kNames) {
    if (word == name) return value;
  }
  return Name::other;
}

class Handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
 public:
  explicit Handler(ChatAnswer& answer) : answer_(answer) {}

  bool Default() {
    name_ = Name::other;
    return depth_ > 0;
  }
  bool Bool(bool) { return Default(); }
  bool Null() { return Default(); }
  bool Int(int number) { return integer(number); }
  bool Uint(unsigned number) { return integer(number); }
  bool Int64(std::int64_t number) { return integer(number); }
  bool Uint64(std::uint64_t) { return integer(-1); }
  bool Double(double number) {
    const bool countable = number >= 0 && number < 9e15;
    return integer(countable ? static_cast<std::int64_t>(number) : -1);
  }

  bool Key(const char* bytes, rapidjson::SizeType size, bool) {
    name_ = place() == Place::elsewhere ? Name::other : name_of({bytes, size});
    return true;
  }

  bool String(const char* bytes, rapidjson::SizeType size, bool) {
    string({bytes, size});
    return Default();
  }

  bool StartObject() {
    push(inner(true));
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return pop(); }
  bool StartArray() {
    if (depth_ == 0) return false;
    push(inner(false));
    return true;
  }
  bool EndArray(rapidjson::SizeType) { return pop(); }

 private:
  // Deeper ones hold nothing that is read.
  static constexpr std::size_t kDepth = 12;

  Place place() const {
    if (depth_ == 0) return Place::start;
    return depth_ <= kDepth ? places_[depth_ - 1] : Place::elsewhere;
  }

  void push(Place inner_place) {
    if (depth_ < kDepth) places_[depth_] = inner_place;
    ++depth_;
    name_ = Name::other;
  }

  bool pop() {
    if (place() == Place::choice) choice_done_ = true;
    --depth_;
    name_ = Name::other;
    return true;
  }

  // The place inside the object or array that starts under `name_` here.
  Place inner(bool object) {
    switch (place()) {
      case Place::start:
        return Place::root;
      case Place::root:
        if (name_ == Name::choices && !object) return Place::choices;
        if (name_ == Name::usage && object) return Place::usage;
        if ((name_ == Name::error || name_ == Name::detail) && object) {
          answer_.has_error = true;
          return Place::error;
        }
        if (name_ == Name::detail) {
          answer_.has_error = true;
          return Place::details;
        }
        return Place::elsewhere;
      case Place::choices:
        if (!object || choice_done_) return Place::elsewhere;
        answer_.has_choice = true;
        return Place::choice;
      case Place::choice:
        return (name_ == Name::message || name_ == Name::delta) && object ? Place::message
                                                                          : Place::elsewhere;
      case Place::message:
        return name_ == Name::content && !object ? Place::parts : Place::elsewhere;
      case Place::details:
        return object ? Place::detail : Place::elsewhere;
      case Place::parts:
        return object ? Place::part : Place::elsewhere;
      case Place::part:
        return name_ == Name::thinking ? Place::part_thinking : Place::elsewhere;
      case Place::part_thinking:
        return object ? Place::part_thinking : Place::elsewhere;
      default:
        return Place::elsewhere;
    }
  }

  bool integer(std::int64_t number) {
    if (place() == Place::usage && number >= 0) {
      if (name_ == Name::prompt_tokens) answer_.prompt_tokens = number;
      if (name_ == Name::completion_tokens) answer_.generated_tokens = number;
    }
    const bool of_error = place() == Place::error || place() == Place::root;
    if (of_error && name_ == Name::code) answer_.error_status = number;
    return Default();
  }

  void string(std::string_view text) {
    switch (place()) {
      case Place::root:
        root_string(text);
        break;
      case Place::choice:
        if (name_ == Name::text) answer_.content += text;
        if (name_ == Name::finish_reason) answer_.finish_reason = text;
        break;
      case Place::message:
        if (name_ == Name::content) answer_.content += text;
        // Some servers give the same under both names.
        if (name_ == Name::reasoning || name_ == Name::thinking) {
          if (answer_.reasoning != text) answer_.reasoning += text;
        }
        break;
      case Place::part:
        if (name_ == Name::text) answer_.content += text;
        if (name_ == Name::thinking || name_ == Name::reasoning) answer_.reasoning += text;
        break;
      case Place::part_thinking:
        if (name_ == Name::text) answer_.reasoning += text;
        break;
      case Place::detail:
        if (name_ == Name::msg)
          answer_.error += (answer_.error.empty() ? "" : "; ") + std::string(text);
        break;
      case Place::error:
        if (name_ == Name::message) answer_.error = text;
        if (name_ == Name::type || name_ == Name::code) add_type(text);
        break;
      default:
        break;
    }
  }

  // {"error": "..."}, {"detail": "..."}, and {"object": "error", "message": "..."} of older vLLM.
  void root_string(std::string_view text) {
    if (name_ == Name::error || name_ == Name::detail) {
      answer_.has_error = true;
      answer_.error = text;
    }
    if (name_ == Name::object && text == "error") answer_.has_error = true;
    if (name_ == Name::message && answer_.error.empty()) answer_.error = text;
    if (name_ == Name::type || name_ == Name::code) add_type(text);
  }

  void add_type(std::string_view text) {
    if (!answer_.error_type.empty()) answer_.error_type += ' ';
    answer_.error_type += text;
  }

  ChatAnswer& answer_;
  std::array<Place, kDepth> places_{};
  std::size_t depth_ = 0;
  Name name_ = Name::other;
  bool choice_done_ = false;
};

// Without recursion: an answer may be nothing but brackets.
rapidjson::ParseErrorCode parse(const std::string& json, ChatAnswer& answer) {
  Handler handler(answer);
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>> reader;
  rapidjson::StringStream stream(json.c_str());
  const rapidjson::ParseResult result =
      reader.Parse<rapidjson::kParseIterativeFlag>(stream, handler);
  if (result.Code() != rapidjson::kParseErrorNone) return result.Code();
  // A NUL ends what the reader sees.
  const bool whole =
      stream.Tell() == json.size() ||
      json.find_first_not_of(std::string_view(" \t\r\n"), stream.Tell()) == std::string::npos;
  return whole ? rapidjson::kParseErrorNone : rapidjson::kParseErrorDocumentRootNotSingular;
}

bool is_hex(std::string_view digits) {
  return digits.size() == 4 && std::all_of(digits.begin(), digits.end(), [](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

int unit_at(std::string_view json, std::size_t at) {
  const std::string_view digits = json.substr(std::min(at + 2, json.size()), 4);
  if (json.substr(std::min(at, json.size()), 2) != "\\u" || !is_hex(digits)) return -1;
  return static_cast<int>(std::stoul(std::string(digits), nullptr, 16));
}

// Surrogates that are not in pairs become \ufffd.
std::string without_lone_surrogates(const std::string& json) {
  std::string result = json;
  for (std::size_t i = 0; i + 1 < result.size(); ++i) {
    if (result[i] != '\\') continue;
    const int unit = unit_at(result, i);
    const bool high = unit >= 0xD800 && unit < 0xDC00;
    const int second = high ? unit_at(result, i + 6) : -1;
    if (high && second >= 0xDC00 && second < 0xE000) {
      i += 11;
    } else if (unit >= 0xD800 && unit < 0xE000) {
      result.replace(i, 6, "\\ufffd");
      i += 5;
    } else {
      ++i;
    }
  }
  return result;
}

void repair(std::string& text) {
  if (!is_utf8(text)) text = valid_utf8(text);
}

}  // namespace

bool read_chat_answer(const std::string& json, ChatAnswer& answer) {
  rapidjson::ParseErrorCode code = parse(json, answer);
  if (code == rapidjson::kParseErrorStringUnicodeSurrogateInvalid) {
    answer = ChatAnswer{};
    code = parse(without_lone_surrogates(json), answer);
  }
  repair(answer.error);
  repair(answer.finish_reason);
  return code == rapidjson::kParseErrorNone;
}

bool read_model_list(const std::string& json, std::vector<ListedModel>& models) {
  const Json listing = Json::parse(json, nullptr, false);
  if (!listing.is_object()) return false;
  const auto data = listing.find("data");
  if (data == listing.end() || !data->is_array()) return false;
  for (const Json& entry : *data) {
    const auto id = entry.is_object() ? entry.find("id") : entry.end();
    if (!entry.is_object() || id == entry.end() || !id->is_string()) return false;
    ListedModel model{id->get<std::string>(), 0};
    Json source = entry;
    if (entry.contains("meta") && entry["meta"].is_object()) source.update(entry["meta"]);
    for (const char* name : {"n_ctx", "context_length", "max_context_length", "max_model_len"}) {
      if (source.contains(name) && source[name].is_number_integer()) {
        const auto tokens = source[name].get<std::int64_t>();
        if (tokens > 0) model.max_tokens = tokens;
      }
    }
    models.push_back(std::move(model));
  }
  return true;
}

}  // namespace tpt::engine
