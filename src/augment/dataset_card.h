// The README.md beside the rows: what they are, where they came from, what they cost. A dataset
// card as the Hugging Face Hub reads it.
#pragma once

#include "augment/metrics_text.h"
#include "augment/row_statistics.h"
#include "augment/spend.h"
#include "base/json.h"

#include <string>
#include <vector>

namespace tpt::augment {

struct CardConfig {
  std::string title;    // "": of the folder
  std::string licence;  // of the whole; "": from the rows' metadata
  std::string licence_field = "license";
  std::string domain_field = "domain";
};

struct CardPrompt {
  std::string name;    // "tpt"
  std::string text;    // the template
  std::string sha256;  // of the text, as in the rows
};

struct CardFacts {
  std::string title;
  CardConfig config;
  std::string engine;  // what wrote the thinking, with its revision where that is known
  std::vector<CardPrompt> prompts;
  // The options that decide what is written: objects of values by section, as a run records them.
  Json recipe = Json::object();
  std::vector<std::string> decontaminated_against;  // names of files; empty: it was not asked for
  RowStatistics rows;
  JobStatus job;
  SpendRecord spend;
  BuildInfo build;
  std::string parts = "part-*.parquet";  // beside the card
  std::string rejected_parts;            // "rejected/part-*.parquet"; "": none were kept
};

// Markdown with a YAML head. The same rows, options and build give the same bytes up to the line
// "## Spend"; what stands there and after it depends on how the run went.
std::string dataset_card(const CardFacts& facts);

}  // namespace tpt::augment
