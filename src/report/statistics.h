// Figures over runs: means with their error, and rank correlation.
#pragma once

#include "report/page.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tpt::report {

// One arm at one token budget, over its seeds.
struct CurvePoint {
  std::int64_t tokens = 0;
  double accuracy = 0;          // mean over seeds
  double stderr_seeds = 0;      // s / sqrt(n), s the sample deviation over n seeds; 0 for one seed
  double stderr_questions = 0;  // binomial, of the questions of one run
  double standard_error = 0;    // sqrt(stderr_seeds^2 + stderr_questions^2): the bar that is drawn
  std::int64_t seeds = 0;
  std::int64_t correct = 0;                    // over all seeds
  std::int64_t questions = 0;                  // over all seeds
  double document_loss = kNotMeasured;         // mean over the seeds that measured it
  double document_loss_stderr = kNotMeasured;  // over seeds; not measured for one
  double train_seconds = kNotMeasured;         // means over seeds
  double train_flops = kNotMeasured;
  double eval_tokens = 0;
};

// Every arm once, those named in `arms` first.
std::vector<Arm> arms_of(const ExperimentPart& experiment);

// The points of one arm, by rising token budget.
//
// The error combines two sources. Runs differ by seed: s / sqrt(n). And the questions are a sample:
// every seed answers the same ones, so averaging over seeds does not shrink that part; it is the
// binomial error of one run's questions, with the plus-four adjustment of Agresti and Coull so that
// 0 or all right is not called exact. The two overlap a little (answering is noisy within a seed),
// so their root sum of squares is, if anything, too large. With one seed only the second is known.
std::vector<CurvePoint> curve(const std::vector<RunPoint>& runs, const std::string& arm);

// sqrt(p (1 - p) / (questions + 4)) with p = (correct + 2) / (questions + 4).
double binomial_error(double correct, double questions);

// Spearman's rank correlation, ties given their mean rank. Nothing where fewer than two pairs or
// where one side is constant. TPT_CHECKs equal lengths.
std::optional<double> spearman(std::span<const double> x, std::span<const double> y);

// Thinking tokens against steps, over the documents whose steps are told.
struct StepsCorrelation {
  std::optional<double> spearman;
  std::int64_t documents = 0;
};
StepsCorrelation length_against_steps(const AugmentPart& part);

double mean(std::span<const double> values);
// Square root of the unbiased variance; 0 for fewer than two values.
double sample_deviation(std::span<const double> values);
// The value at `share` (0 to 1) of the sorted values, interpolated linearly. TPT_CHECKs that there
// are some.
double quantile(std::vector<double> values, double share);

}  // namespace tpt::report
