#include "report/example_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <random>

namespace tpt::report {
namespace {

const std::vector<std::string> kDomains = {"code",    "encyclopedia", "fiction", "forum",
                                           "history", "law",          "math",    "science"};

std::vector<Document> sample_documents() {
  std::vector<Document> documents;
  for (const std::string& domain : kDomains) {
    std::ifstream file(std::string(TPT_SOURCE_DIR) + "/data/sample/" + domain + ".jsonl");
    for (std::string line; std::getline(file, line);) {
      Json fields = parse_json(line, "sample");
      Document document;
      document.id = fields["id"];
      document.text = fields["text"];
      fields.erase("id");
      fields.erase("text");
      document.metadata = dump_json(fields);
      documents.push_back(std::move(document));
    }
  }
  return documents;
}

std::string thinking_about(const std::string& title, bool loops) {
  std::string text =
      "The passage is about \"" + title +
      "\". The first thing to be clear about is what is claimed and what is only described. To "
      "explain it to a child I would start with the simplest case, then ask what changes when one "
      "part is taken away.\n\nThe main point rests on two facts. One is stated outright; the other "
      "has to be put together from the example.";
  for (int i = 0; loops && i < 14; ++i) {
    text += "\n\nThe main point is the main point of the text. The text is about the main point.";
  }
  return text;
}

Flow documents_flow() {
  std::mt19937 random(3);
  Flow flow;
  flow.title = "Real documents";
  flow.description =
      "48 documents of open licences from eight domains, thought about by the embedded language "
      "model with the paper's prompt.";
  AugmentPart& augment = flow.augment.emplace();
  FilterPart& filter = flow.filter.emplace();
  augment.engine = "llama:SmolLM2-135M-Instruct.Q4_1.gguf";
  augment.seconds = 112.4;
  for (const Document& document : sample_documents()) {
    const auto domain = static_cast<std::size_t>(
        std::find(kDomains.begin(), kDomains.end(),
                  parse_json(document.metadata, "m")["domain"].get<std::string>()) -
        kDomains.begin());
    const bool loops = random() % 4 == 0;
    AugmentedDocument row;
    row.document = document;
    row.trajectory.text =
        thinking_about(parse_json(document.metadata, "m")["title"].get<std::string>(), loops);
    row.trajectory.finish = loops ? Finish::length : Finish::stop;
    row.trajectory.thinking_tokens =
        loops ? 512 : static_cast<std::int64_t>(120 + 30 * domain + random() % 160);
    row.trajectory.prompt_tokens = 1800;
    const std::string reason = !loops ? "" : random() % 3 == 0 ? "missing_end" : "repetition";
    add_document(augment, row, !loops, reason);
    augment.documents += 1;
    augment.prompt_tokens += row.trajectory.prompt_tokens;
    augment.thinking_tokens += row.trajectory.thinking_tokens;
    (loops ? filter.rejected : filter.kept) += 1;
    if (loops) {
      filter.reasons[reason] += 1;
    }
  }
  flow.pack =
      PackPart{.tokenizer = "SmolLM2",
               .arms = {{"", 36, 0, {{"document", 98211}, {"thinking", 9120}, {"special", 108}}}}};
  flow.settings = {{"augment", {{"prompt", "tpt"}, {"temperature", 0.6}, {"top_p", 0.9}}},
                   {"filter", {{"min_tokens", 16}, {"max_repetition", 0.3}}}};
  return flow;
}

Flow lab_flow() {
  std::mt19937 random(5);
  Flow flow;
  flow.title = "The lab";
  flow.description =
      "A controlled corpus: chains of 2 to 6 steps modulo 10 among plain sentences. The same way "
      "through the program, with an expert that is a rule.";
  AugmentPart& augment = flow.augment.emplace();
  augment.engine = "expert (a rule, not a model)";
  augment.engine_is_rule = true;
  augment.seconds = 1.7;
  for (int i = 0; i < 3000; ++i) {
    const bool plain = random() % 4 == 0;
    const auto steps = static_cast<std::int64_t>(2 + random() % 5);
    AugmentedDocument row;
    row.document.id = fmt::format("lab-{}", i);
    row.document.text = plain ? "the small bird sat on the old roof." : "7-3*4+8=4.";
    row.document.metadata = plain ? R"({"domain": "plain", "plain": true})"
                                  : fmt::format(R"({{"domain": "chain", "steps": {}}})", steps);
    row.trajectory.text = plain ? "nothing to work out." : "7-3=4; 4*4=6; 6+8=4.";
    row.trajectory.thinking_tokens =
        plain ? 20 : 6 * steps + static_cast<std::int64_t>(random() % 3);
    add_document(augment, row, true, "");
    augment.documents += 1;
    augment.thinking_tokens += row.trajectory.thinking_tokens;
  }
  flow.filter = FilterPart{.kept = 3000, .rejected = 0, .reasons = {}};
  flow.pack = PackPart{
      .tokenizer = "bytes",
      .arms = {
          {"vanilla", 3000, 0, {{"document", 61000}, {"special", 3000}}},
          {"tpt", 3000, 0, {{"document", 61000}, {"thinking", 65000}, {"special", 9000}}},
          {"shuffled", 3000, 0, {{"document", 61000}, {"thinking", 65000}, {"special", 9000}}}}};
  flow.experiment = example_experiment();
  flow.settings = {
      {"train", {{"seq_length", 96}, {"learning_rate", 0.002}, {"schedule", "cosine"}}}};
  return flow;
}

}  // namespace

RunPoint run_point(std::string arm, std::int64_t seed, std::int64_t tokens, std::int64_t correct,
                   std::int64_t questions) {
  RunPoint point;
  point.arm = std::move(arm);
  point.seed = seed;
  point.train_tokens = tokens;
  point.correct = correct;
  point.questions = questions;
  return point;
}

ExperimentPart example_experiment() {
  ExperimentPart experiment;
  experiment.task = "chains of 2 to 6 steps, modulo 10";
  experiment.model = "3 layers, width 128, 0.6 M parameters, bytes";
  experiment.chance = 0.1;
  experiment.sft_examples = 400;
  experiment.arms = {
      {"vanilla", "vanilla"}, {"tpt", "TPT"}, {"shuffled", "TPT, shuffled thinking"}};
  const std::int64_t budgets[] = {250000, 500000, 1000000, 2000000};
  const std::int64_t correct[3][2][4] = {{{28, 31, 29, 33}, {33, 27, 35, 30}},
                                         {{34, 46, 140, 186}, {31, 52, 201, 231}},
                                         {{30, 27, 33, 36}, {29, 34, 31, 35}}};
  const double loss[3] = {1.62, 1.58, 1.66};
  for (std::size_t arm = 0; arm < 3; ++arm) {
    for (std::size_t seed = 0; seed < 2; ++seed) {
      for (std::size_t budget = 0; budget < 4; ++budget) {
        RunPoint point = run_point(experiment.arms[arm].name, static_cast<std::int64_t>(seed) + 1,
                                   budgets[budget], correct[arm][seed][budget]);
        const auto tokens = static_cast<double>(point.train_tokens);
        point.document_loss =
            loss[arm] + 0.4 / (tokens / 250000) + 0.01 * static_cast<double>(seed);
        point.train_seconds = tokens / 42000;
        point.train_flops = tokens * 6 * 0.6e6;
        point.eval_tokens = arm == 0 ? 900 : 11200;
        experiment.runs.push_back(point);
      }
    }
  }
  experiment.thinking_seconds = 1.7;
  experiment.thinking_tokens = 65000;
  experiment.thinking_flops = 0;
  return experiment;
}

Page example_page() {
  Page page;
  page.title = "What the thinking bought";
  page.generated = "24 November 2026, 02:40 UTC";
  page.commit = "d445690 (example: invented figures)";
  page.machine = "2 cores, 23 GiB, no GPU";
  page.seconds = 541;
  page.commands = {"make demo", "build/tpt run recipes/demo.toml --out build/demo"};
  page.seeds = {{"documents", {{"sampling", 1}}}, {"lab", {{"corpus", 1}, {"runs", {1, 2}}}}};
  page.flows = {documents_flow(), lab_flow()};
  return page;
}

const std::vector<std::string>& hostile_texts() {
  static const std::vector<std::string> texts = {
      "<script>document.title='RAN-1';alert(1)</script>",
      "</script><script>document.title='RAN-2'</script>",
      "</SCRIPT ><img src=x onerror=\"document.title='RAN-3'\">",
      "<!--<script>document.title='RAN-4'</script>--><!-- open",
      "\" onmouseover=\"document.title='RAN-5'\" autofocus onfocus=\"document.title='RAN-5'\" x=\"",
      "' onload='document.title=\"RAN-6\"",
      "<a href=\"javascript:document.title='RAN-7'\">javascript:alert(7)</a>",
      "]]><svg onload=document.title='RAN-8'><![CDATA[",
      "</pre></textarea></title></style><iframe "
      "srcdoc=\"<script>top.document.title='RAN-9'</script>\">",
      "line\xE2\x80\xA8paragraph\xE2\x80\xA9;document.title='RAN-10'//",
      std::string("nul\0inside", 10) + "\x01\x1b[31m\x7f",
      "not utf-8: \xff\xfe \xc3( \xed\xa0\x80 \xf5\x80\x80\x80 \xe2\x82",
      "\xE2\x80\xAEgnp.exe\xE2\x80\xAC right to left",
      "{{constructor.constructor('document.title=\"RAN-11\"')()}} ${document.title='RAN-12'} "
      "{b}{a|x}",
      "<base href=\"http://example.invalid/\"><meta http-equiv=refresh content=0;url=//x.invalid>",
      "&lt;script&gt; &amp;amp; &#0; &#x3c;",
      "__proto__",
      "",
  };
  return texts;
}

Page hostile_page() {
  const std::vector<std::string>& texts = hostile_texts();
  std::size_t next = 0;
  const auto text = [&] { return texts[next++ % texts.size()]; };
  Page page = example_page();
  page.generated = text();
  page.machine = text();
  for (Flow& flow : page.flows) {
    flow.description = text();
    flow.augment->samples.clear();
    std::size_t i = 0;
    for (const std::string& hostile : texts) {
      AugmentedDocument row;
      row.document.id = hostile;
      row.document.text = hostile + hostile;
      row.document.source = hostile;
      row.document.metadata = dump_json(
          {{"domain", hostile}, {"title", hostile}, {"license", hostile}, {"source", hostile}});
      row.trajectory.text = hostile + "\n" + hostile;
      row.trajectory.engine = hostile;
      row.trajectory.thinking_tokens = static_cast<std::int64_t>(50 + 10 * i);
      add_document(*flow.augment, row, i % 2 == 0, i % 2 == 0 ? "" : hostile, texts.size() + 1);
      if (flow.filter) {
        flow.filter->reasons[hostile] += 1;
        flow.filter->rejected += 1;
      }
      ++i;
    }
    AugmentedDocument long_line;
    long_line.document.id = "long";
    long_line.document.text = std::string(std::size_t{1} << 20U, '<');
    add_document(*flow.augment, long_line, true, "", texts.size() + 1);
    flow.settings.push_back({text(), {{text(), text()}, {"list", {text(), text()}}}});
    flow.augment->engine = text();
  }
  for (Arm& arm : page.flows[1].experiment->arms) {
    arm.label = text();
  }
  page.flows[1].experiment->task = text();
  page.flows[1].experiment->model = text();
  page.flows[1].pack->arms[0].arm = text();
  page.commands.push_back(text());
  return page;
}

}  // namespace tpt::report
