// Keeps an engine busy with requests, and no busier than it wants to be.
#pragma once

#include "eval/answer.h"
#include "eval/examine.h"

#include <stop_token>
#include <vector>

namespace tpt::eval {

// Fills the response of each answer. Asked to stop, it waits for what is in flight and throws
// Interrupted.
void ask_all(const Config& config, const tasks::Task& task, engine::Engine& engine,
             std::vector<Answer>& answers, Progress& progress, const std::stop_token& stop);

}  // namespace tpt::eval
