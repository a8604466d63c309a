// The verbs of the program, one file each.
#pragma once

#include "app/stage.h"

#include <span>
#include <string>

namespace tpt::app {

using Arguments = std::span<const std::string>;

void augment_verb(Arguments arguments, Run run);
void filter_verb(Arguments arguments, Run run);
void pack_verb(Arguments arguments, Run run);
void train_verb(Arguments arguments, Run run);
void replay_step_verb(Arguments arguments, Run run);
void verify_resume_verb(Arguments arguments, Run run);
void selftest_verb(Arguments arguments, Run run);
void export_verb(Arguments arguments, Run run);
void eval_verb(Arguments arguments, Run run);
void report_verb(Arguments arguments, Run run);
void run_verb(Arguments arguments, Run run);
void plan_verb(Arguments arguments, Run run);
void plan_train_verb(Arguments arguments, Run run);
void lab_verb(Arguments arguments, Run run);
void mock_server_verb(Arguments arguments, Run run);
void inspect_verb(Arguments arguments, Run run);

}  // namespace tpt::app
