#include "engine/chat_request.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace tpt::engine {

namespace {

constexpr std::array<std::string_view, 7> kOwnFields = {"model", "messages", "prompt", "stream",
                                                        "n",     "echo",     "best_of"};

// What a byte becomes inside a JSON string: 0 for itself, 'u' for \u00XX, else behind a backslash.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> escapes{};
  for (std::size_t i = 0; i < 0x20; ++i) escapes[i] = 'u';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}
constexpr std::array<char, 256> kEscapes = make_escapes();

void append_turn(std::string& json, std::string_view role, std::string_view text) {
  json += R"({"role":")";
  json += role;
  json += R"(","content":)";
  append_json_string(json, text);
  json += '}';
}

class Body {
 public:
  Body(std::string& json, const ExtraFields& extra) : json_(json), extra_(extra) {}
  template <typename Value>
  void field(std::string_view name, const Value& value) {
    if (!extra_.replaces(name)) {
      fmt::format_to(std::back_inserter(json_), R"(,"{}":{})", name, value);
    }
  }

 private:
  std::string& json_;
  const ExtraFields& extra_;
};

void append_stops(std::string& json, const std::vector<std::string>& stops) {
  std::string list;
  for (const std::string& stop : stops) {
    if (stop.empty()) continue;
    list += list.empty() ? '[' : ',';
    append_json_string(list, stop);
  }
  if (!list.empty()) json += R"(,"stop":)" + list + "]";
}

}  // namespace

ExtraFields::ExtraFields(std::string_view json) {
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
  Json object;
  try {
    object = Json::parse(json);
  } catch (const std::exception&) {
    object = nullptr;
  }
  if (!object.is_object()) {
    user_error("extra_body: got {}, expected a JSON object such as {}", json,
               R"({"chat_template_kwargs": {"enable_thinking": true}})");
  }
  for (const auto& [name, value] : object.items()) {
    for (const std::string_view own : kOwnFields) {
      if (name == own) user_error("extra_body: {} is not for this option to set", name);
    }
    names_.insert(name);
    if (value.is_null()) continue;
    text_ += ',' + dump_json(Json(name)) + ':' + dump_json(value);
  }
}

void append_json_string(std::string& json, std::string_view text) {
  std::string repaired;
  if (!is_utf8(text)) {
    repaired = valid_utf8(text);
    text = repaired;
  }
  json += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char escape = kEscapes[static_cast<unsigned char>(text[i])];
    if (escape == 0) continue;
    json.append(text, plain, i - plain);
    plain = i + 1;
    if (escape == 'u') {
      fmt::format_to(std::back_inserter(json), "\\u{:04x}", static_cast<unsigned char>(text[i]));
    } else {
      json += '\\';
      json += escape;
    }
  }
  json.append(text, plain);
  json += '"';
}

std::string chat_request_body(const ChatRequestOptions& options, const ExtraFields& extra,
                              const Request& request, bool chat) {
  std::string json;
  json.reserve(request.prompt.size() + request.prompt.size() / 16 + options.system_prompt.size() +
               request.answer_start.size() + extra.text().size() + 512);
  json += R"({"model":)";
  append_json_string(json, options.model);
  Body body(json, extra);
  if (chat) {
    json += R"(,"messages":[)";
    if (!options.system_prompt.empty()) {
      append_turn(json, "system", options.system_prompt);
      json += ',';
    }
    append_turn(json, "user", request.prompt);
    const bool continued = options.prefill == Prefill::continued && !request.answer_start.empty();
    if (continued) {
      json += ',';
      append_turn(json, "assistant", request.answer_start);
    }
    json += ']';
    if (continued) {
      body.field("continue_final_message", true);
      body.field("add_generation_prompt", false);
    }
  } else {
    json += R"(,"prompt":)";
    append_json_string(json, request.prompt + request.answer_start);
  }
  const Sampling& sampling = request.sampling;
  body.field("max_tokens", sampling.max_tokens);
  body.field("temperature", sampling.temperature);
  body.field("top_p", sampling.top_p);
  if (sampling.top_k > 0) body.field("top_k", sampling.top_k);
  body.field("seed", sampling.seed & 0x7FFFFFFFU);
  if (!extra.replaces("stop")) append_stops(json, sampling.stop);
  if (options.stream) {
    json += R"(,"stream":true)";
    body.field("stream_options", R"({"include_usage":true})");
  }
  json += extra.text();
  json += '}';
  return json;
}

bool is_only_tag(std::string_view answer_start) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t from = answer_start.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return true;
  const std::string_view tag =
      answer_start.substr(from, answer_start.find_last_not_of(kSpace) - from + 1);
  return tag.size() <= 32 && tag.front() == '<' && tag.back() == '>' &&
         tag.find_first_of("<>\n", 1) == tag.size() - 1;
}

}  // namespace tpt::engine
