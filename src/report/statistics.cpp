#include "report/statistics.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace tpt::report {
namespace {

std::vector<double> measured(const std::vector<const RunPoint*>& runs, double RunPoint::* field) {
  std::vector<double> values;
  for (const RunPoint* run : runs) {
    if (std::isfinite(run->*field)) {
      values.push_back(run->*field);
    }
  }
  return values;
}

double mean_or_not_measured(const std::vector<double>& values) {
  return values.empty() ? kNotMeasured : mean(values);
}

CurvePoint point_of(std::int64_t tokens, const std::vector<const RunPoint*>& runs) {
  CurvePoint point;
  point.tokens = tokens;
  point.seeds = static_cast<std::int64_t>(runs.size());
  const auto seeds = static_cast<double>(runs.size());
  std::vector<double> accuracies;
  double questions = 0;  // different ones, of all seeds
  for (const RunPoint* run : runs) {
    accuracies.push_back(static_cast<double>(run->correct) / static_cast<double>(run->questions));
    point.correct += run->correct;
    point.questions += run->questions;
    questions += static_cast<double>(run->questions) /
                 static_cast<double>(std::max<std::int64_t>(1, run->samples));
    point.eval_tokens += static_cast<double>(run->eval_tokens) / seeds;
  }
  point.accuracy = mean(accuracies);
  point.stderr_seeds = sample_deviation(accuracies) / std::sqrt(seeds);
  const double questions_of_one = questions / seeds;
  point.stderr_questions = binomial_error(point.accuracy * questions_of_one, questions_of_one);
  point.standard_error = std::hypot(point.stderr_seeds, point.stderr_questions);

  const std::vector<double> losses = measured(runs, &RunPoint::document_loss);
  point.document_loss = mean_or_not_measured(losses);
  if (losses.size() > 1) {
    point.document_loss_stderr =
        sample_deviation(losses) / std::sqrt(static_cast<double>(losses.size()));
  }
  point.train_seconds = mean_or_not_measured(measured(runs, &RunPoint::train_seconds));
  point.train_flops = mean_or_not_measured(measured(runs, &RunPoint::train_flops));
  return point;
}

// Ranks from 1, equal values given the mean of the ranks they span.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) {
      ++end;
    }
    const double rank = static_cast<double>(begin + 1 + end) / 2;
    for (std::size_t i = begin; i < end; ++i) {
      result[order[i]] = rank;
    }
    begin = end;
  }
  return result;
}

}  // namespace

double mean(std::span<const double> values) {
  TPT_CHECK(!values.empty());
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double sample_deviation(std::span<const double> values) {
  if (values.size() < 2) {
    return 0;
  }
  const double center = mean(values);
  double sum = 0;
  for (double value : values) {
    sum += (value - center) * (value - center);
  }
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double quantile(std::vector<double> values, double share) {
  TPT_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - std::floor(at)) * (values[above] - values[below]);
}

double binomial_error(double correct, double questions) {
  const double p = (correct + 2) / (questions + 4);
  return std::sqrt(p * (1 - p) / (questions + 4));
}

std::vector<Arm> arms_of(const ExperimentPart& experiment) {
  std::vector<Arm> arms;
  const auto add = [&](const Arm& arm) {
    if (std::none_of(arms.begin(), arms.end(),
                     [&](const Arm& known) { return known.name == arm.name; })) {
      arms.push_back(arm);
    }
  };
  std::for_each(experiment.arms.begin(), experiment.arms.end(), add);
  for (const RunPoint& run : experiment.runs) {
    add({.name = run.arm, .label = ""});
  }
  return arms;
}

std::vector<CurvePoint> curve(const std::vector<RunPoint>& runs, const std::string& arm) {
  std::map<std::int64_t, std::vector<const RunPoint*>> by_tokens;
  for (const RunPoint& run : runs) {
    if (run.arm == arm && run.questions > 0) {
      by_tokens[run.train_tokens].push_back(&run);
    }
  }
  std::vector<CurvePoint> points;
  for (const auto& [tokens, at_budget] : by_tokens) {
    points.push_back(point_of(tokens, at_budget));
  }
  return points;
}

std::optional<double> spearman(std::span<const double> x, std::span<const double> y) {
  TPT_CHECK(x.size() == y.size());
  if (x.size() < 2) {
    return std::nullopt;
  }
  const std::vector<double> rank_x = ranks(x);
  const std::vector<double> rank_y = ranks(y);
  const double center = static_cast<double>(x.size() + 1) / 2;
  double xx = 0;
  double yy = 0;
  double xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (rank_x[i] - center) * (rank_x[i] - center);
    yy += (rank_y[i] - center) * (rank_y[i] - center);
    xy += (rank_x[i] - center) * (rank_y[i] - center);
  }
  if (xx == 0 || yy == 0) {
    return std::nullopt;
  }
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

StepsCorrelation length_against_steps(const AugmentPart& part) {
  std::vector<double> steps;
  std::vector<double> lengths;
  for (const DocumentPoint& point : part.points) {
    if (point.steps >= 0) {
      steps.push_back(static_cast<double>(point.steps));
      lengths.push_back(static_cast<double>(point.thinking_tokens));
    }
  }
  return {.spearman = spearman(steps, lengths),
          .documents = static_cast<std::int64_t>(steps.size())};
}

}  // namespace tpt::report
