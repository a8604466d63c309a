#include "app/experiment.h"

#include "app/model_shape.h"
#include "app/steps.h"
#include "base/error.h"
#include "base/log.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

struct Job {
  std::string arm;
  std::int64_t seed = 0;
  std::vector<ExperimentPoint> points;
};

// Names the run in front of the stage, so that runs side by side can be told apart.
class NamedProgress : public Progress {
 public:
  NamedProgress(Progress& progress, std::string name)
      : progress_(progress), name_(std::move(name)) {}
  void report(const ProgressState& state) override {
    ProgressState named = state;
    named.stage = name_ + " " + state.stage;
    progress_.report(named);
  }

 private:
  Progress& progress_;
  std::string name_;
};

// The folders of one run's steps.
struct RunFolders {
  fs::path root;
  fs::path train() const { return root / "train"; }
  fs::path held_out(std::int64_t tokens) const { return root / fmt::format("held-out-{}", tokens); }
  fs::path finetune(std::int64_t tokens) const { return root / fmt::format("finetune-{}", tokens); }
  fs::path eval(std::int64_t tokens) const { return root / fmt::format("eval-{}", tokens); }
};

struct SharedFolders {
  fs::path held_out_shards;
  fs::path example_shards;
};

fs::path last_checkpoint(const Json& counts, const fs::path& folder) {
  return folder / counts.at("checkpoints").back().at("folder").get<std::string>();
}

// From one checkpoint: held-out loss, the same small fine-tuning, the questions.
ExperimentPoint examine_checkpoint(const Recipe& recipe, const ExperimentInputs& inputs,
                                   const SharedFolders& shared, const RunFolders& folders,
                                   const fs::path& checkpoint, ExperimentPoint point, Run run) {
  const std::int64_t tokens = point.train_tokens;
  point.document_loss = std::numeric_limits<double>::quiet_NaN();
  if (!shared.held_out_shards.empty()) {
    const Json loss = held_out_step(checkpoint, shared.held_out_shards, recipe.train.seq_length,
                                    recipe.experiment.held_out_rows, folders.held_out(tokens));
    point.document_loss = loss.at("document_nats_per_token").get<double>();
  }
  if (!recipe.has("eval")) return point;
  fs::path student = checkpoint;
  if (!shared.example_shards.empty()) {
    train::Config config = recipe.finetune;
    config.init_from = checkpoint.string();
    config.seed = point.seed;
    config.threads = 1;
    const fs::path folder = folders.finetune(tokens);
    const model::Config shape = shape_to_start_from(config.init_from, recipe.model, {});
    student =
        last_checkpoint(train_step(config, shape, shared.example_shards, folder, run), folder);
  }
  EngineConfig engine;
  engine.engine = "checkpoint:" + student.string();
  engine.checkpoint_threads = 1;
  point.scores = eval::scores_from_json(
      eval_step(recipe.eval, engine, inputs.questions, folders.eval(tokens), run));
  log_info("{} seed {} after {} tokens: {:.1f} % right", point.arm, point.seed, tokens,
           100 * point.scores.accuracy);
  return point;
}

void run_job(Job& job, const Recipe& recipe, const ExperimentInputs& inputs,
             const SharedFolders& shared, const Workspace& work, Run run) {
  NamedProgress progress(run.progress, fmt::format("{} seed {}", job.arm, job.seed));
  const Run named{.progress = progress, .stop = run.stop};
  const RunFolders folders{work.run(job.arm, job.seed)};
  train::Config config = recipe.train;
  config.seed = job.seed;
  config.threads = 1;
  const model::Config shape =
      shape_to_start_from(config.init_from, recipe.model, recipe.model_given);
  const Json trained = train_step(config, shape, work.shards(job.arm), folders.train(), named);
  const double tokens = trained.at("tokens").get<double>();
  for (const Json& checkpoint : trained.at("checkpoints")) {
    ExperimentPoint point{.arm = job.arm, .seed = job.seed};
    point.train_tokens = checkpoint.at("budget").get<std::int64_t>();
    const double share = checkpoint.at("tokens").get<double>() / tokens;
    point.train_seconds = trained.at("seconds").get<double>() * share;
    point.train_flops = trained.at("flops").get<double>() * share;
    job.points.push_back(examine_checkpoint(
        recipe, inputs, shared, folders,
        folders.train() / checkpoint.at("folder").get<std::string>(), point, named));
  }
}

// The jobs on a few threads; the first error stops the others and is thrown.
void run_jobs(std::vector<Job>& jobs, std::int64_t parallel, std::stop_token stop,
              const std::function<void(Job&, std::stop_token)>& work) {
  std::stop_source stop_all;
  const std::stop_callback forward(stop, [&] { stop_all.request_stop(); });
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto worker = [&] {
    for (std::size_t at = next++; at < jobs.size(); at = next++) {
      try {
        if (stop_all.stop_requested()) throw Interrupted("run the same command again to go on");
        work(jobs[at], stop_all.get_token());
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stop_all.request_stop();
        return;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::int64_t i = 0; i < parallel; ++i) threads.emplace_back(worker);
  }
  if (failure) std::rethrow_exception(failure);
}

SharedFolders pack_shared(const Recipe& recipe, const ExperimentInputs& inputs,
                          const Workspace& work, Run run) {
  SharedFolders shared;
  pack::Config config = recipe.pack;
  if (!inputs.held_out.empty() && recipe.experiment.held_out_rows > 0) {
    shared.held_out_shards = work.shards("held-out");
    pack_documents_step(config, {.inputs = inputs.held_out}, shared.held_out_shards, run);
  }
  if (recipe.has("finetune") && !inputs.examples.empty()) {
    shared.example_shards = work.shards("examples");
    pack_examples_step(arm_config(config, "tpt"), inputs.examples, shared.example_shards, run);
  }
  return shared;
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

Json to_json(const ExperimentPoint& point) {
  return {{"arm", point.arm},
          {"seed", point.seed},
          {"train_tokens", point.train_tokens},
          {"train_seconds", point.train_seconds},
          {"train_flops", point.train_flops},
          {"document_loss", number_or_null(point.document_loss)},
          {"scores", eval::to_json(point.scores)}};
}

ExperimentPoint point_from_json(const Json& json) {
  ExperimentPoint point{.arm = json.at("arm").get<std::string>(),
                        .seed = json.at("seed").get<std::int64_t>()};
  point.train_tokens = json.at("train_tokens").get<std::int64_t>();
  point.train_seconds = json.at("train_seconds").get<double>();
  point.train_flops = json.at("train_flops").get<double>();
  const Json& loss = json.at("document_loss");
  point.document_loss =
      loss.is_null() ? std::numeric_limits<double>::quiet_NaN() : loss.get<double>();
  point.scores = eval::scores_from_json(json.at("scores"));
  return point;
}

pack::Config arm_config(const pack::Config& config, const std::string& arm) {
  pack::Config result = config;
  if (arm == "vanilla") {
    result.format = pack::Format::vanilla;
  } else if (arm == "tpt") {
    result.format = pack::Format::tpt;
  } else if (arm == "thinking_first") {
    result.format = pack::Format::thinking_first;
  } else if (arm == "shuffled") {
    result.format = pack::Format::tpt;
    result.shuffle_thinking = true;
  } else {
    user_error("experiment.arms: got {}, allowed: vanilla, tpt, thinking_first, shuffled", arm);
  }
  return result;
}

ExperimentResult run_experiment(const Recipe& recipe, const ExperimentInputs& inputs,
                                const Workspace& work, Run run) {
  ExperimentResult result;
  for (const std::string& arm : recipe.experiment.arms) {
    result.packed.emplace_back(
        arm, pack_step(arm_config(recipe.pack, arm), inputs.rows, work.shards(arm), run));
  }
  for (const auto& [arm, counts] : result.packed) {
    log_info("pack {}: {} tokens in {} samples", arm, dump_json(counts.at("tokens").at("total")),
             dump_json(counts.at("samples")));
  }
  const SharedFolders shared = pack_shared(recipe, inputs, work, run);
  std::vector<Job> jobs;
  for (const std::int64_t seed : recipe.experiment.seeds) {
    for (const std::string& arm : recipe.experiment.arms)
      jobs.push_back({.arm = arm, .seed = seed});
  }
  std::int64_t parallel = recipe.experiment.parallel;
  if (parallel == 0) parallel = std::max(1U, std::thread::hardware_concurrency());
  run_jobs(jobs, parallel, run.stop, [&](Job& job, std::stop_token stop) {
    run_job(job, recipe, inputs, shared, work, {.progress = run.progress, .stop = stop});
  });
  for (const std::string& arm : recipe.experiment.arms) {
    for (Job& job : jobs) {
      if (job.arm != arm) continue;
      std::move(job.points.begin(), job.points.end(), std::back_inserter(result.points));
    }
  }
  return result;
}

}  // namespace tpt::app
