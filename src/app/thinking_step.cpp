#include "app/steps.h"
#include "base/error.h"
#include "storage/augmented_file.h"
#include "tokenize/tokenizer.h"
#include "tokenize/tokenizer_files.h"

#include <utility>
#include <vector>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWriter = "the corpus's makers";

AugmentedDocument row_of(Document document, const std::string& thinking,
                         const tokenize::Tokenizer& tokenizer) {
  AugmentedDocument row;
  row.trajectory.text = thinking;
  row.trajectory.thinking_tokens = tokenizer.count(thinking);
  row.trajectory.context_bytes = std::ssize(document.text);
  row.trajectory.engine = kWriter;
  row.document = std::move(document);
  return row;
}

}  // namespace

Json take_thinking_step(const corpus::Config& corpus, const std::string& tokenizer_name,
                        const fs::path& folder, Run run) {
  std::vector<fs::path> inputs = corpus::find_files(corpus);
  if (tokenizer_name != "embedded") {
    const auto files = tokenize::tokenizer_files(tokenizer_name);
    inputs.insert(inputs.end(), files.begin(), files.end());
  }
  const Stage stage{
      .step = "take_thinking",
      .folder = folder,
      .recipe = {{"corpus", recorded("corpus", corpus)}, {"tokenizer", tokenizer_name}},
      .inputs = std::move(inputs),
      .writes = {"part-*.parquet", "bad_items.jsonl"}};
  return run_stage(stage, [&] {
    const auto tokenizer = tokenize::load_tokenizer(tokenizer_spec(tokenizer_name));
    corpus::Reader documents(corpus, folder / "bad_items.jsonl");
    storage::AugmentedWriter rows(folder);
    std::int64_t thinking_tokens = 0;
    for (Document document; documents.next(document);) {
      if (run.stop.stop_requested()) {
        throw Interrupted("taking the corpus's thinking stopped; the same command starts it again");
      }
      AugmentedDocument row = row_of(std::move(document), documents.thinking(), *tokenizer);
      thinking_tokens += row.trajectory.thinking_tokens;
      rows.put(std::move(row));
      run.progress.report({.stage = "thinking",
                           .done = static_cast<double>(documents.bytes_read()),
                           .total = static_cast<double>(documents.bytes_total()),
                           .unit = "bytes"});
    }
    rows.finish();
    return Json{{"engine", kWriter},
                {"documents", documents.counts().documents},
                {"bad_items", documents.counts().bad_items},
                {"failed", 0},
                {"prompt_tokens", 0},
                {"thinking_tokens", thinking_tokens},
                {"seconds", nullptr}};
  });
}

}  // namespace tpt::app
