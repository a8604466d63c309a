// What a report shows: plain structs that app fills by copying what the steps counted. Everything
// optional that is left out is left out of the page; nothing is made up in its place.
//
//   report::Page page{.title = "What the thinking bought", ...};
//   report::Flow flow{.title = "The lab"};
//   flow.augment.emplace();
//   report::add_document(*flow.augment, row, verdict.keep, verdict.reason);   // for every row
//   flow.experiment = ...;
//   page.flows.push_back(std::move(flow));
//   report::write(page, folder / "report.html", folder / "summary.json");
#pragma once

#include "base/json.h"
#include "records/trajectory.h"

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tpt::report {

// A figure that was not measured.
inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

// One augmented document as a point of the figures.
struct DocumentPoint {
  std::string id;
  std::string domain;                // "" where the corpus names none
  std::int64_t document_tokens = 0;  // what the engine read, its prompt's frame included
  std::int64_t thinking_tokens = 0;
  std::int64_t steps = -1;  // of the chain in the document (metadata "steps"); -1: not told
  bool kept = true;
  std::string reason;  // why it was rejected

  bool operator==(const DocumentPoint&) const = default;
};

// One document shown with its thinking. Both texts are hostile input to the page.
struct SampleDocument {
  std::string id, title, domain, source, license;
  std::string text;
  std::string thinking;
  std::string finish;  // "stop", "length", "error"
  std::int64_t thinking_tokens = 0;
  bool kept = true;
  std::string reason;

  bool operator==(const SampleDocument&) const = default;
};

// The thinking step.
struct AugmentPart {
  std::string engine;           // its name as in the trajectories
  bool engine_is_rule = false;  // a program, not a language model: the page says so everywhere
  std::int64_t documents = 0;
  std::int64_t failed = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t thinking_tokens = 0;
  double seconds = kNotMeasured;
  std::vector<DocumentPoint> points;  // add_document() fills both
  std::vector<SampleDocument> samples;
};

// Adds the point of one row, and keeps it as a sample where it adds a domain (kept rows) or a
// reason (rejected rows) that is not shown yet, up to `samples_each` of each side. Reads domain,
// title, source, license and steps from the metadata. The choice depends on the order of rows only.
void add_document(AugmentPart& part, const AugmentedDocument& row, bool kept,
                  const std::string& reason, std::size_t samples_each = 4);

// The filter's counts.
struct FilterPart {
  std::int64_t kept = 0;
  std::int64_t rejected = 0;
  std::map<std::string, std::int64_t> reasons;  // of the rejected
};

// What one arm was packed into.
struct PackedArm {
  std::string arm;  // "vanilla", "tpt", "shuffled", or "" where there are no arms
  std::int64_t samples = 0;
  std::int64_t dropped = 0;
  std::map<std::string, std::int64_t> tokens;  // by kind_name(): "document", "thinking", ...
};

struct PackPart {
  std::string tokenizer;
  std::vector<PackedArm> arms;
};

// One arm of the comparison. The names "vanilla", "tpt" and "shuffled" are what summary.json lists
// and what the data-efficiency ratio compares; any other name is drawn too.
struct Arm {
  std::string name;
  std::string label;  // "TPT with shuffled thinking"; "" for a label made from the name
};

// One checkpoint of one run, examined.
struct RunPoint {
  std::string arm;
  std::int64_t seed = 0;
  std::int64_t train_tokens = 0;
  std::int64_t correct = 0;
  std::int64_t questions = 0;           // answers asked for: questions times samples
  std::int64_t samples = 1;             // of each question; these do not count as further questions
  double document_loss = kNotMeasured;  // nats a token on held-out document tokens
  double train_seconds = kNotMeasured;  // until this checkpoint
  double train_flops = kNotMeasured;    // until this checkpoint
  std::int64_t eval_tokens = 0;         // generated to answer
};

// Training the arms on equal token budgets and asking the same questions.
struct ExperimentPart {
  std::string task;               // "sums of 2 to 6 steps, modulo 10"
  std::string model;              // "3 layers, width 128, 0.6 M parameters"
  double chance = 0;              // accuracy of guessing, 0 to 1
  std::int64_t sft_examples = 0;  // the same for every arm
  std::vector<Arm> arms;  // their order and labels; arms of `runs` that are not named come last
  std::vector<RunPoint> runs;
  // What writing the thinking cost, charged to every arm that trains on it.
  double thinking_seconds = kNotMeasured;
  std::int64_t thinking_tokens = 0;
  double thinking_flops = kNotMeasured;  // 0 for a rule
};

// Settings as resolved from recipe and flags: Fields::to_json() of a step.
struct Settings {
  std::string title;
  Json values = Json::object();
};

// One way through the steps: real documents, or the lab.
struct Flow {
  std::string title;
  std::string description;  // one or two sentences; plain text
  std::optional<AugmentPart> augment;
  std::optional<FilterPart> filter;
  std::optional<PackPart> pack;
  std::optional<ExperimentPart> experiment;
  std::vector<Settings> settings;
};

struct Page {
  std::string title = "What the thinking bought";
  std::string generated;  // date and time as text
  std::string commit;
  std::string machine;                // "2 cores, Intel Xeon, 23 GiB, no GPU"
  double seconds = kNotMeasured;      // the whole run
  std::vector<std::string> commands;  // to do it again
  std::vector<Settings> seeds;        // {"lab", {"data": 1, "runs": [1, 2]}}
  std::vector<Flow> flows;
};

}  // namespace tpt::report
