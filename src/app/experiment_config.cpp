#include "app/experiment_config.h"

namespace tpt::app {

void describe(Fields& fields, ExperimentConfig& config) {
  fields.texts("arms", config.arms,
               "what to compare: vanilla (documents alone), tpt (document, then thinking), "
               "thinking_first, shuffled (tpt with the thinking of another document)");
  fields.integers("seeds", config.seeds, "one run of every arm for each seed", 0);
  fields.integer("parallel", config.parallel, "runs at once, one thread each; 0: one for each core",
                 0, 1024);
  fields.integer("held_out_rows", config.held_out_rows,
                 "rows of held-out documents whose loss is measured at each checkpoint", 0);
}

void describe(Fields& fields, TaskConfig& config) {
  fields.text("questions", config.questions, "JSONL of questions: id, prompt, answer");
  fields.text("examples", config.examples,
              "JSONL of fine-tuning examples: id, prompt, answer, completion");
  fields.texts("held_out", config.held_out, "documents whose loss is measured; never trained on");
  fields.number("chance", config.chance, "accuracy of guessing, for the figures", 0, 1);
}

}  // namespace tpt::app
