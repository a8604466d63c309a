// The learning rate over a run, as in the schedules of `transformers`, less their first step at 0.
#pragma once

#include "train/config.h"

namespace tpt::train {

// The learning rate of the step that starts at `position`, in steps from 0; `total_steps` is the
// length of the run. With w = warmup_steps, T = total_steps, s = final_learning_rate_share and d =
// decay_share * T, times the peak:
//   position < w   (position + 1) / (w + 1)
//   constant       1
//   cosine         s + (1 - s) (1 + cos(pi (position - w) / (T - w))) / 2
//   linear         1 - (1 - s) (position - w) / (T - w)
//   wsd            1 until T - d, then 1 - (1 - s) (position - (T - d)) / d
// Positions beyond the end have the rate of the end.
double learning_rate(const Config& config, double position, double total_steps);

}  // namespace tpt::train
