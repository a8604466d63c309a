#include "augment/dataset_card.h"

#include "augment/card_text.h"
#include "augment/figure_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

namespace tpt::augment {
namespace {

std::string size_category(std::int64_t rows) {
  constexpr std::array<const char*, 10> kNames = {"1K",   "10K", "100K", "1M",   "10M",
                                                  "100M", "1B",  "10B",  "100B", "1T"};
  std::int64_t bound = 1000;
  std::string below = "n<1K";
  for (std::size_t i = 0; i < kNames.size(); ++i, bound *= 10) {
    if (rows < bound)
      return i == 0 ? "n<1K" : fmt::format("{}<n<{}", kNames.at(i - 1), kNames.at(i));
  }
  return "n>1T";
}

std::set<std::string> licences(const CardFacts& facts) {
  std::set<std::string> names;
  if (!facts.config.licence.empty()) {
    names.insert(hub_licence(facts.config.licence));
  } else {
    for (const auto& [name, counts] : facts.rows.licences()) names.insert(hub_licence(name));
  }
  if (names.empty()) names.insert("unknown");
  return names;
}

std::string head(const CardFacts& facts) {
  std::string text = "---\n";
  text += fmt::format("pretty_name: {}\n", yaml_text(facts.title));
  const std::set<std::string> names = licences(facts);
  if (names.size() == 1) {
    text += fmt::format("license: {}\n", *names.begin());
  } else {
    text += "license:\n";
    for (const std::string& name : names) text += fmt::format("- {}\n", name);
  }
  text += fmt::format("size_categories:\n- {}\n", size_category(facts.rows.all().rows));
  text += "task_categories:\n- text-generation\n";
  text += "tags:\n- synthetic\n- reasoning\n- thinking-augmented\n- tpt\n";
  text += fmt::format(
      "configs:\n- config_name: default\n  data_files:\n  - split: train\n"
      "    path: {}\n",
      yaml_text(facts.parts));
  if (!facts.rejected_parts.empty()) {
    text += fmt::format("- config_name: rejected\n  data_files:\n  - split: train\n    path: {}\n",
                        yaml_text(facts.rejected_parts));
  }
  return text + "---\n";
}

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string bar(std::int64_t count, std::int64_t most) {
  constexpr double kLongest = 40;
  std::string text;
  const auto length = std::lround(share(count, most) * kLongest);
  for (long i = 0; i < std::max(length, count > 0 ? 1L : 0L); ++i) text += "█";
  return text;
}

std::string introduction(const CardFacts& facts) {
  const GroupCounts& all = facts.rows.all();
  std::string text = fmt::format("\n# {}\n\n", markdown_text(facts.title));
  text += fmt::format(
      "Documents, each with the thinking of an expert who reads it, for thinking augmented "
      "pre-training. {} rows with {} tokens of thinking about {} tokens of documents ({:.2f} for "
      "one), written by {}.\n",
      grouped(all.rows), grouped(all.thinking_tokens), grouped(all.document_tokens),
      share(all.thinking_tokens, all.document_tokens), markdown_text(facts.engine));
  return text;
}

std::string counts_section(const RowStatistics& rows) {
  const GroupCounts& all = rows.all();
  const std::int64_t in = all.rows + all.rejected + all.failed;
  std::string text = "\n## Counts\n\n| | rows | share |\n|---|---:|---:|\n";
  const auto line = [&](const std::string& name, std::int64_t count) {
    text += fmt::format("| {} | {} | {} |\n", name, grouped(count), share_text(share(count, in)));
  };
  line("in", in);
  line("written", all.rows);
  line("rejected", all.rejected);
  for (const auto& [reason, count] : rows.rejected_by_reason()) {
    line("rejected: " + markdown_text(reason), count);
  }
  line("failed", all.failed);
  text += fmt::format("\nFrom {} documents", grouped(rows.documents()));
  if (rows.most_chunks() > 1) text += fmt::format(", of up to {} chunks", rows.most_chunks());
  if (rows.most_rollouts() > 1) text += fmt::format(", {} rollouts each", rows.most_rollouts());
  text += fmt::format(", {} bytes of text in the rows written.\n", grouped(all.text_bytes));
  text += "\n| the thinking ended by | rows |\n|---|---:|\n";
  for (const auto& [finish, count] : rows.finished_by()) {
    text += fmt::format("| {} | {} |\n", markdown_text(finish), grouped(count));
  }
  text +=
      "\n`stop`: the model ended it; `length`: cut at the cap; `trimmed`: cut at the cap, then "
      "back to the end of a sentence; `loop`: stopped because it repeated itself.\n";
  return text;
}

std::string lengths_section(const std::string& title, const TokenHistogram& lengths) {
  std::string text = fmt::format("\n## {}\n\n", title);
  if (lengths.count() == 0) return text + "No rows.\n";
  text += "| mean | median | 90 % up to | 99 % up to | longest |\n|---:|---:|---:|---:|---:|\n";
  text += fmt::format("| {:.1f} | {:.0f} | {:.0f} | {:.0f} | {} |\n\n", lengths.mean(),
                      lengths.quantile(0.5), lengths.quantile(0.9), lengths.quantile(0.99),
                      grouped(lengths.max()));
  std::int64_t most = 0;
  for (const auto& each : lengths.doublings()) most = std::max(most, each.count);
  text += "| tokens | rows | share | |\n|---:|---:|---:|:---|\n";
  for (const auto& each : lengths.doublings()) {
    const std::string range =
        each.from == each.to ? grouped(each.from) : grouped(each.from) + " to " + grouped(each.to);
    text += fmt::format("| {} | {} | {} | {} |\n", range, grouped(each.count),
                        share_text(share(each.count, lengths.count())), bar(each.count, most));
  }
  return text;
}

// The groups by rows, the largest first; beyond kMostLines they are summed up.
std::string groups_section(const std::string& title, const std::string& label,
                           const std::map<std::string, GroupCounts>& groups) {
  constexpr std::size_t kMostLines = 40;
  if (groups.empty()) return "";
  std::vector<std::pair<std::string, GroupCounts>> sorted(groups.begin(), groups.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& left, const auto& right) {
    return left.second.rows > right.second.rows;
  });
  std::string text = fmt::format(
      "\n## {}\n\n| {} | rows | rejected | failed | thinking tokens | document tokens | thinking "
      "for one |\n|---|---:|---:|---:|---:|---:|---:|\n",
      title, label);
  const auto line = [&](const std::string& name, const GroupCounts& counts) {
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {:.2f} |\n", name, grouped(counts.rows),
                        grouped(counts.rejected), grouped(counts.failed),
                        grouped(counts.thinking_tokens), grouped(counts.document_tokens),
                        share(counts.thinking_tokens, counts.document_tokens));
  };
  GroupCounts rest;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto& [name, counts] = sorted[i];
    if (i < kMostLines) {
      line(markdown_text(name), counts);
      continue;
    }
    rest.rows += counts.rows;
    rest.rejected += counts.rejected;
    rest.failed += counts.failed;
    rest.thinking_tokens += counts.thinking_tokens;
    rest.document_tokens += counts.document_tokens;
  }
  if (sorted.size() > kMostLines) {
    line(fmt::format("*{} more*", sorted.size() - kMostLines), rest);
  }
  return text;
}

// Where the endpoints are and how they are paid is nobody's business but the run's.
bool is_private(const std::string& option) {
  constexpr std::array<std::string_view, 6> kParts = {"url",   "key",    "price",
                                                      "proxy", "header", "token_file"};
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return option.find(part) != std::string::npos; });
}

std::string generator_section(const CardFacts& facts) {
  std::string text = "\n## Generator\n\n| engine | rows |\n|---|---:|\n";
  for (const auto& [engine, rows] : facts.rows.engines()) {
    text += fmt::format("| {} | {} |\n", markdown_text(engine), grouped(rows));
  }
  text += "\n| option | value |\n|---|---|\n";
  for (const auto& [section, options] : facts.recipe.items()) {
    if (!options.is_object()) continue;
    for (const auto& [name, value] : options.items()) {
      if (is_private(name)) continue;
      const std::string shown =
          value.is_string() ? without_secrets(value.get<std::string>()) : dump_json(value);
      text += fmt::format("| {}.{} | {} |\n", markdown_text(section), markdown_text(name),
                          markdown_text(shown));
    }
  }
  text += fmt::format("\nWritten by tpt {} ({}).\n", markdown_text(facts.build.version),
                      markdown_text(facts.build.commit));
  for (const CardPrompt& prompt : facts.prompts) {
    text += fmt::format("\n### Prompt: {}\n\nSHA-256 `{}`, without a last line end.\n\n{}",
                        markdown_text(prompt.name), prompt.sha256, markdown_block(prompt.text));
  }
  return text;
}

std::string decontamination_section(const std::vector<std::string>& files) {
  std::string text = "\n## Decontamination\n\n";
  if (files.empty()) {
    return text +
           "None was asked for: compare with your benchmarks before you report scores on them.\n";
  }
  text += "Rows whose document or thinking shares long runs of words with these were rejected:\n\n";
  for (const std::string& file : files) text += fmt::format("- {}\n", markdown_text(file));
  return text;
}

std::string loading_section(const CardFacts& facts) {
  std::string text = "\n## Loading\n\n```python\nimport datasets\n";
  text += "rows = datasets.load_dataset(\"FOLDER\", split=\"train\")\n";
  if (!facts.rejected_parts.empty()) {
    text += "rejected = datasets.load_dataset(\"FOLDER\", \"rejected\", split=\"train\")\n";
  }
  text += "\nimport pandas\nrows = pandas.read_parquet(\"FOLDER/part-00000.parquet\")\n```\n\n";
  text +=
      "```sh\ntpt pack FOLDER --out shards/    # Megatron shards to train on\n"
      "tpt inspect FOLDER               # page through the rows\n```\n\n"
      "Columns: `id`, `text` (the document), `thinking`, `finish_reason`, `prompt_tokens`, "
      "`thinking_tokens`, `context_bytes`, `seed`, `rollout`, `engine`, `prompt_sha256`, "
      "`request_sha256`, `chunk`, `chunks`, `source`, `metadata` (JSON)";
  return text + (facts.rejected_parts.empty() ? ".\n" : "; `reason` in the rejected rows.\n");
}

std::string licence_section(const CardFacts& facts) {
  std::string text = "\n## Licences and limits\n\n";
  if (!facts.config.licence.empty()) {
    text += fmt::format("Given for the whole: {}.\n\n", markdown_text(facts.config.licence));
  } else if (facts.rows.licences().empty()) {
    text += "No licence was given, and the documents name none: theirs hold.\n\n";
  } else {
    text += "The documents name these:\n";
    text += groups_section("Licences of the documents", "licence", facts.rows.licences());
    text += "\n";
  }
  return text +
         "The thinking was written by a model and read by nobody. It can be wrong where it sounds "
         "sure, contradict its document, or repeat what its training held. The terms of the model "
         "may bind what it wrote. Token counts are the generator's; a document's are taken from "
         "its prompt.\n";
}

std::string spend_section(const CardFacts& facts) {
  const SpendSummary sum = summarize(facts.spend, facts.job);
  const Spend all = total(facts.spend.endpoints);
  std::string text = fmt::format(
      "\n## Spend\n\nThis section depends on how the run went; all above it only on the rows, the "
      "options and the build.\n\n| | |\n|---|---:|\n"
      "| calls | {} |\n| wall time of all calls | {} |\n| requests sent | {} |\n"
      "| prompt tokens, every attempt | {} |\n| generated tokens, every attempt | {} |\n"
      "| of these kept | {} |\n| of attempts that were not used (retries, hedges) | {} |\n"
      "| of rows that were rejected | {} |\n| wasted share | {} |\n"
      "| saved by stopping loops | {} |\n| GPU-hours | {:.2f} |\n",
      facts.spend.calls, duration_text(facts.spend.seconds), grouped(all.requests),
      grouped(all.prompt_tokens), grouped(all.generated_tokens), grouped(sum.kept_tokens),
      grouped(sum.unused_tokens), grouped(sum.rejected_tokens), share_text(sum.wasted_share),
      grouped(sum.saved_tokens), sum.gpu_hours);
  if (sum.money > 0) {
    text += fmt::format("| money | {} |\n| money for a million kept tokens | {} |\n",
                        money_text(sum.money), money_text(sum.money_per_million_kept));
  }
  if (facts.spend.incomplete) {
    text += "\nAn earlier record of the spend was damaged; what it held is missing here.\n";
  }
  return text;
}

}  // namespace

std::string dataset_card(const CardFacts& facts) {
  const RowStatistics& rows = facts.rows;
  return head(facts) + introduction(facts) + counts_section(rows) +
         lengths_section("Tokens of thinking", rows.thinking_tokens()) +
         lengths_section("Tokens of documents", rows.document_tokens()) +
         groups_section("Domains", "domain", rows.domains()) +
         groups_section("Sources", "file", rows.sources()) + generator_section(facts) +
         decontamination_section(facts.decontaminated_against) + loading_section(facts) +
         licence_section(facts) + spend_section(facts);
}

}  // namespace tpt::augment
