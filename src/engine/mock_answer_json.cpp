#include "base/error.h"
#include "base/json.h"
#include "engine/mock_answer.h"

#include <fmt/compile.h>

#include <algorithm>
#include <ctime>
#include <iterator>

namespace tpt::engine {
namespace {

std::string_view finish_reason(const MockAnswer& answer) {
  return answer.capped ? "length" : "stop";
}

std::string_view reasoning_field(const MockRules& rules) {
  return rules.config.think == MockThink::reasoning ? "reasoning" : "reasoning_content";
}

void append_usage(std::int64_t prompt_tokens, std::size_t tokens, std::string& out) {
  fmt::format_to(std::back_inserter(out),
                 FMT_COMPILE("{{\"prompt_tokens\":{},\"total_tokens\":{},\"completion_tokens\":{},"
                             "\"prompt_tokens_details\":null}}"),
                 prompt_tokens, prompt_tokens + static_cast<std::int64_t>(tokens), tokens);
}

// In the middle of the text, where it hurts.
void append_text(const MockText& text, MockFault fault, std::string& out) {
  const std::size_t half = text.tokens() / 2;
  text.append_escaped(0, half, out);
  if (fault == MockFault::bad_utf8) out += "\xc3\x28\xff";
  text.append_escaped(half, text.tokens() - half, out);
}

void append_message(const MockRules& rules, const MockAnswer& answer, MockFault fault,
                    std::string& out) {
  out += "\"message\":{\"role\":\"assistant\",\"content\":";
  const bool no_content =
      fault == MockFault::null_content || (answer.content.empty() && !answer.reasoning.empty());
  if (no_content) {
    out += "null";
  } else {
    out += '"';
    append_text(answer.content, fault, out);
    out += '"';
  }
  out += ",\"refusal\":null,\"tool_calls\":[]";
  if (!answer.reasoning.empty() && fault != MockFault::null_content) {
    out += ",\"";
    out += reasoning_field(rules);
    out += "\":\"";
    append_text(answer.reasoning, fault, out);
    out += '"';
  }
  out += "}";
}

}  // namespace

std::string error_json(MockDialect dialect, int status, std::string_view message,
                       std::string_view type) {
  Json error = {{"message", message}, {"type", type}, {"param", nullptr}, {"code", status}};
  switch (dialect) {
    case MockDialect::vllm:
      break;
    case MockDialect::sglang:
      return dump_json({{"object", "error"},
                        {"message", message},
                        {"type", type},
                        {"param", nullptr},
                        {"code", status}});
    case MockDialect::openai:
      error["code"] = nullptr;
      break;
    case MockDialect::llama_server:
      error = {{"code", status}, {"message", message}, {"type", type}};
      break;
  }
  return dump_json({{"error", error}});
}

std::optional<std::string> context_error(const MockRules& rules, const MockRequest& request) {
  const std::int64_t room = rules.config.context_tokens;
  const std::int64_t prompt = prompt_tokens_of(request);
  const std::int64_t answer = std::max<std::int64_t>(request.max_tokens, 0);
  const bool is_llama = rules.config.dialect == MockDialect::llama_server;
  // llama-server stops the answer at the end of the context; the others want room for it first.
  if (is_llama ? prompt < room : prompt + std::max<std::int64_t>(answer, 1) <= room) return {};
  switch (rules.config.dialect) {
    case MockDialect::vllm:
      if (prompt < room && answer > 0) {
        return error_json(MockDialect::vllm, 400,
                          fmt::format("'max_tokens' or 'max_completion_tokens' is too large: {}. "
                                      "This model's maximum context length is {} tokens and your "
                                      "request has {} input tokens ({} > {} - {}).",
                                      answer, room, prompt, answer, room, prompt),
                          "BadRequestError");
      }
      return error_json(
          MockDialect::vllm, 400,
          fmt::format("This model's maximum context length is {} tokens. However, you requested "
                      "{} tokens ({} in the messages, {} in the completion). Please reduce the "
                      "length of the messages or completion.",
                      room, prompt + answer, prompt, answer),
          "BadRequestError");
    case MockDialect::sglang:
      return error_json(
          MockDialect::sglang, 400,
          fmt::format("Requested token count exceeds the model's maximum context length of {} "
                      "tokens. You requested a total of {} tokens: {} tokens from the input "
                      "messages and {} tokens for the completion. Please reduce the number of "
                      "tokens in the input messages or the completion to fit within the limit.",
                      room, prompt + answer, prompt, answer),
          "BadRequestError");
    case MockDialect::openai:
      return dump_json(
          {{"error",
            {{"message",
              fmt::format("This model's maximum context length is {} tokens. However, you "
                          "requested {} tokens ({} in the messages, {} in the completion). Please "
                          "reduce the length of the messages or completion.",
                          room, prompt + answer, prompt, answer)},
             {"type", "invalid_request_error"},
             {"param", "messages"},
             {"code", "context_length_exceeded"}}}});
    case MockDialect::llama_server:
      break;
  }
  return dump_json({{"error",
                     {{"code", 400},
                      {"message", fmt::format("request ({} tokens) exceeds the available context "
                                              "size ({} tokens), try increasing it",
                                              prompt, room)},
                      {"type", "exceed_context_size_error"},
                      {"n_prompt_tokens", prompt},
                      {"n_ctx", room}}}});
}

void append_whole(const MockRules& rules, const MockRequest& request, const MockAnswer& answer,
                  MockFault fault, std::string& out) {
  fmt::format_to(std::back_inserter(out),
                 FMT_COMPILE("{{\"id\":\"{}-{:016x}{:016x}\",\"object\":\"{}\",\"created\":{},"
                             "\"model\":\"{}\",\"choices\":["),
                 request.chat ? "chatcmpl" : "cmpl", request.key.high, request.key.low,
                 request.chat ? "chat.completion" : "text_completion", std::time(nullptr),
                 rules.model_json);
  if (fault != MockFault::empty_choices) {
    out += "{\"index\":0,";
    if (request.chat) {
      append_message(rules, answer, fault, out);
    } else if (fault == MockFault::null_content) {
      out += "\"text\":null";
    } else {
      out += "\"text\":\"";
      append_text(answer.content, fault, out);
      out += '"';
    }
    fmt::format_to(
        std::back_inserter(out),
        FMT_COMPILE(",\"logprobs\":null,\"finish_reason\":\"{}\",\"stop_reason\":null}}"),
        finish_reason(answer));
  }
  out += "]";
  if (fault != MockFault::no_usage) {
    out += ",\"usage\":";
    append_usage(prompt_tokens_of(request), answer.tokens(), out);
  }
  out += "}";
}

MockEvents::MockEvents(const MockRules& rules, const MockRequest& request, MockAnswer answer,
                       MockFault fault)
    : rules_(rules),
      chat_(request.chat),
      include_usage_(request.include_usage),
      prompt_tokens_(prompt_tokens_of(request)),
      answer_(std::move(answer)),
      fault_(fault) {
  event_start_ = fmt::format(
      "data: {{\"id\":\"{}-{:016x}{:016x}\",\"object\":\"{}\",\"created\":{},\"model\":\"{}\","
      "\"choices\":[",
      chat_ ? "chatcmpl" : "cmpl", request.key.high, request.key.low,
      chat_ ? "chat.completion.chunk" : "text_completion", std::time(nullptr), rules.model_json);
}

bool MockEvents::append(std::size_t tokens, std::string& out) {
  if (ended_) return false;
  if (!started_) append_start(out);
  started_ = true;
  append_tokens(std::min(tokens, answer_.tokens() - next_), out);
  if (next_ == answer_.tokens()) {
    append_end(out);
    ended_ = true;
  }
  return !ended_;
}

void MockEvents::append_start(std::string& out) const {
  if (fault_ == MockFault::extra_lines) {
    out +=
        ": a comment, as proxies send to keep a connection open\r\n\r\nevent: message\r\nid: 1\r\n"
        "retry: 1000\r\ndata:\r\n\r\n";
  }
  if (!chat_) return;
  out += event_start_;
  out +=
      "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
      "\"finish_reason\":null}]}";
  out += line_end();
  out += line_end();
}

void MockEvents::append_tokens(std::size_t count, std::string& out) {
  const auto step = static_cast<std::size_t>(rules_.config.chunk_tokens);
  for (const std::size_t end = next_ + count; next_ < end;) {
    const bool thinks = next_ < answer_.reasoning.tokens();
    const MockText& text = thinks ? answer_.reasoning : answer_.content;
    const std::size_t before = thinks ? 0 : answer_.reasoning.tokens();
    const std::size_t first = next_ - before;
    const std::size_t taken = std::min({step, end - next_, text.tokens() - first});
    const bool hurt = next_ <= answer_.tokens() / 2 && answer_.tokens() / 2 < next_ + taken;
    next_ += taken;
    const std::size_t event_at = out.size();
    out += event_start_;
    if (hurt && fault_ == MockFault::torn_json) {
      out.resize(event_at + (out.size() - event_at) / 2);
      out += "\n\n";
      continue;
    }
    if (hurt && fault_ == MockFault::error_inside) {
      out.resize(event_at);
      out += "data: " +
             error_json(rules_.config.dialect, 500, "the engine core died (a rehearsal)",
                        "InternalServerError") +
             "\n\n";
      continue;
    }
    if (fault_ == MockFault::empty_choices) {
      out += "]}\n\n";
      continue;
    }
    out += chat_ ? "{\"index\":0,\"delta\":{\"" : "{\"index\":0,\"";
    out += !chat_ ? "text" : thinks ? reasoning_field(rules_) : "content";
    out += "\":\"";
    text.append_escaped(first, taken, out);
    if (hurt && fault_ == MockFault::bad_utf8) out += "\xc3\x28\xff";
    if (fault_ == MockFault::null_content) {
      out.resize(event_at);
      out += event_start_;
      out += chat_ ? "{\"index\":0,\"delta\":{\"content\":null" : "{\"index\":0,\"text\":null";
    } else {
      out += '"';
    }
    out += chat_ ? "},\"logprobs\":null,\"finish_reason\":null}]}"
                 : ",\"logprobs\":null,\"finish_reason\":null}]}";
    out += line_end();
    out += line_end();
  }
}

void MockEvents::append_end(std::string& out) const {
  const std::string_view end = line_end();
  if (fault_ != MockFault::empty_choices) {
    out += event_start_;
    out += chat_ ? "{\"index\":0,\"delta\":{\"content\":\"\"}" : "{\"index\":0,\"text\":\"\"";
    fmt::format_to(std::back_inserter(out),
                   ",\"logprobs\":null,\"finish_reason\":\"{}\",\"stop_reason\":null}}]}}{}{}",
                   finish_reason(answer_), end, end);
  }
  if (include_usage_ && fault_ != MockFault::no_usage) {
    out += event_start_;
    out += "],\"usage\":";
    append_usage(prompt_tokens_, answer_.tokens(), out);
    fmt::format_to(std::back_inserter(out), "}}{}{}", end, end);
  }
  if (fault_ != MockFault::no_done)
    fmt::format_to(std::back_inserter(out), "data: [DONE]{}{}", end, end);
  if (fault_ == MockFault::double_done) out += "data: [DONE]\n\n";
}

}  // namespace tpt::engine
