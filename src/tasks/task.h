// Questions with their answers, from a JSONL file.
#pragma once

#include "records/question.h"

#include <filesystem>
#include <string>
#include <vector>

namespace tpt::tasks {

struct Task {
  std::string name;  // the file's name without its ending
  std::vector<Question> questions;
};

// One object a line: "prompt" and "answer" (text, or a whole number), optional "id" (the line
// number where absent; unique), "completion", "metadata" (an object); every further field goes into
// the metadata. Plain, .gz or .zst; empty lines are skipped. A task is an instrument: anything
// wrong is Error(data) with file:line, nothing is skipped.
Task load(const std::filesystem::path& jsonl);

// Writes what load() reads back as the same questions; atomically.
void save(const Task& task, const std::filesystem::path& jsonl);

}  // namespace tpt::tasks
