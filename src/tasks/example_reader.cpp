#include "tasks/example_reader.h"

#include "base/error.h"
#include "base/log.h"
#include "tasks/fields.h"

#include <algorithm>
#include <utility>

namespace tpt::tasks {
namespace {

Message read_message(const Json& turn, const std::string& place) {
  if (!turn.is_object()) {
    data_error("{}: a turn of \"messages\" is {}; it should be an object", place, turn.type_name());
  }
  Message message{.role = text_field(turn, "role", place)};
  message.has_content = !turn.contains("content") || !turn.at("content").is_null();
  if (message.has_content) message.text = text_field(turn, "content", place);
  if (message.role.empty()) {
    data_error("{}: a turn of \"messages\" has no \"role\"", place);
  }
  if (!turn.contains("content")) {
    data_error("{}: a turn of \"messages\" has no \"content\"", place);
  }
  return message;
}

Conversation read_example(const Json& object, std::string id, const std::string& place) {
  const auto messages = object.find("messages");
  if (messages == object.end()) {
    if (!object.contains("prompt")) {
      data_error("{}: neither \"messages\" nor \"prompt\"", place);
    }
    return conversation_of(std::move(id), text_field(object, "prompt", place),
                           text_field(object, "completion", place));
  }
  if (!messages->is_array()) {
    data_error("{}: \"messages\" is {}; it should be an array", place, messages->type_name());
  }
  Conversation conversation{std::move(id), {}};
  for (const Json& turn : *messages) {
    conversation.messages.push_back(read_message(turn, place));
  }
  return conversation;
}

}  // namespace

ExampleReader::ExampleReader(const std::filesystem::path& jsonl) : file_(jsonl), lines_(jsonl) {}

bool ExampleReader::next(Conversation& example) {
  for (storage::Line line; lines_.next(line);) {
    if (line.text.find_first_not_of(" \t") == std::string_view::npos) {
      continue;
    }
    const std::string place = fmt::format("{}:{}", file_.string(), line.number);
    const Json object =
        read_object(line, place, R"("messages", or with "prompt" and "completion")");
    example = read_example(object, id_field(object, line, place), place);
    is_empty_ = false;
    const bool is_whole = std::all_of(example.messages.begin(), example.messages.end(),
                                      [](const Message& message) { return message.has_content; });
    if (!is_whole && !std::exchange(has_warned_, true)) {
      log_warning("{}: a turn's \"content\" is null: such examples are left out, and counted",
                  place);
    }
    return true;
  }
  if (is_empty_) {
    data_error("{}: holds no examples", file_.string());
  }
  return false;
}

}  // namespace tpt::tasks
