#include "tasks/task.h"

#include "base/error.h"
#include "base/json.h"
#include "storage/atomic_file.h"
#include "storage/lines.h"
#include "tasks/fields.h"

#include <cstdint>
#include <unordered_map>

namespace tpt::tasks {

namespace {

// "questions" of "folder/questions.jsonl.gz".
std::string name_of(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  return name.substr(0, name.find('.', 1));
}

// Text, or a whole number as its digits.
std::string answer_field(const Json& object, const std::string& place) {
  const auto found = object.find("answer");
  if (found != object.end() && found->is_number_integer()) {
    return found->dump();
  }
  return text_field(object, "answer", place);
}

// The object under "metadata" and every field that is not one of the record's own.
std::string metadata_of(const Json& object, const std::string& place) {
  Json metadata = Json::object();
  if (const auto found = object.find("metadata"); found != object.end()) {
    if (!found->is_object()) {
      data_error("{}: \"metadata\" is {}; it should be an object", place, found->type_name());
    }
    metadata = *found;
  }
  for (const auto& [key, value] : object.items()) {
    if (key != "id" && key != "prompt" && key != "answer" && key != "completion" &&
        key != "metadata") {
      metadata[key] = value;
    }
  }
  return dump_json(metadata);
}

Question read_question(const storage::Line& line, const std::string& place) {
  const Json object = read_object(line, place, R"("prompt" and "answer")");
  Question question;
  question.id = id_field(object, line, place);
  question.prompt = text_field(object, "prompt", place);
  if (question.prompt.empty()) {
    data_error("{}: \"prompt\" is missing or empty", place);
  }
  question.answer = answer_field(object, place);
  if (question.answer.empty()) {
    data_error("{}: \"answer\" is missing or empty", place);
  }
  question.completion = text_field(object, "completion", place);
  question.metadata = metadata_of(object, place);
  return question;
}

}  // namespace

Task load(const std::filesystem::path& jsonl) {
  Task task{.name = name_of(jsonl), .questions = {}};
  std::unordered_map<std::string, std::int64_t> line_of_id;
  storage::LineReader lines(jsonl);
  for (storage::Line line; lines.next(line);) {
    if (line.text.find_first_not_of(" \t") == std::string_view::npos) {
      continue;
    }
    const std::string place = fmt::format("{}:{}", jsonl.string(), line.number);
    Question question = read_question(line, place);
    const auto [other, is_new] = line_of_id.emplace(question.id, line.number);
    if (!is_new) {
      data_error("{}: the id \"{}\" is taken by line {}", place, question.id, other->second);
    }
    task.questions.push_back(std::move(question));
  }
  if (task.questions.empty()) {
    data_error("{}: holds no questions", jsonl.string());
  }
  return task;
}

void save(const Task& task, const std::filesystem::path& jsonl) {
  storage::AtomicFile file(jsonl);
  for (const Question& question : task.questions) {
    Json object = {{"id", question.id}, {"prompt", question.prompt}, {"answer", question.answer}};
    if (!question.completion.empty()) {
      object["completion"] = question.completion;
    }
    object["metadata"] = parse_json(question.metadata, "the metadata of question " + question.id);
    file.write(dump_json(object) + "\n");
  }
  file.commit();
}

}  // namespace tpt::tasks
