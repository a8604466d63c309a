// Published vectors: llama.cpp's own, and ids computed with other libraries over edge cases.
#include "base/json.h"
#include "oracle.h"
#include "storage/lines.h"

namespace tpt::tokenize {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t at = text.find(separator); at != std::string::npos;
       at = text.find(separator, from)) {
    parts.push_back(text.substr(from, at - from));
    from = at + separator.size();
  }
  parts.push_back(text.substr(from));
  return parts;
}

std::vector<TokenId> ids_in(const std::string& line) {
  std::istringstream numbers(line);
  std::vector<TokenId> ids;
  for (TokenId id = 0; numbers >> id;) {
    ids.push_back(id);
  }
  return ids;
}

// `vectors` + ".inp" and ".out", as llama.cpp's tests have them.
void check_llama_vectors(const std::string& spec, const std::filesystem::path& vectors) {
  SCOPED_TRACE(spec);
  const auto tokenizer = load_tokenizer(spec);
  const auto inputs = split(slurp(vectors.string() + ".inp"), "\n__ggml_vocab_test__\n");
  const auto outputs = split(slurp(vectors.string() + ".out"), "\n");
  ASSERT_GE(inputs.size(), 40U);
  ASSERT_GE(outputs.size(), inputs.size() - 1);
  for (std::size_t i = 0; i < inputs.size() && i < outputs.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(inputs[i]), ids_in(outputs[i]))
        << "input " << i << ": " << inputs[i];
  }
}

TEST(LlamaVectors, OfGpt2InAllItsForms) {
  NEEDS_SHARED();
  const auto folder = tokenizer_files() / "gpt2";
  const TemporaryFolder plain;
  std::filesystem::copy(folder / "vocab.json", plain / "vocab.json");
  std::filesystem::copy(folder / "merges.txt", plain / "merges.txt");
  for (const std::string& spec :
       {(folder / "tokenizer.json").string(), folder.string(), plain.path().string(),
        (folder / "ggml-vocab-gpt-2.gguf").string()}) {
    check_llama_vectors(spec, folder / "ggml-vocab-gpt-2.gguf");
  }
}

TEST(LlamaVectors, OfQwen2) {
  NEEDS_SHARED();
  const auto folder = tokenizer_files() / "qwen2";
  check_llama_vectors(folder, folder / "ggml-vocab-qwen2.gguf");
}

TEST(LlamaVectors, OfTheSourceTree) {
  const std::filesystem::path models = std::filesystem::path(TPT_LLAMA_SOURCE) / "models";
  if (!std::filesystem::exists(models)) {
    GTEST_SKIP() << "needs llama.cpp's source";
  }
  for (const char* name : {"llama-bpe", "qwen2", "gpt-2", "refact", "starcoder"}) {
    const auto gguf = models / ("ggml-vocab-" + std::string(name) + ".gguf");
    check_llama_vectors(gguf, gguf);
  }
}

TEST(ReferenceIds, AreOurs) {
  NEEDS_SHARED();
  const auto llama3 = std::filesystem::path(TPT_LLAMA_SOURCE) / "models/ggml-vocab-llama-bpe.gguf";
  std::vector<std::pair<std::string, std::unique_ptr<Tokenizer>>> tokenizers;
  tokenizers.emplace_back("gpt2", load_tokenizer(tokenizer_files() / "gpt2"));
  tokenizers.emplace_back("qwen2", load_tokenizer(tokenizer_files() / "qwen2"));
  if (std::filesystem::exists(llama3)) {
    tokenizers.emplace_back("llama3", load_tokenizer(llama3));
  }
  storage::LineReader lines(tokenizer_files() / "vectors/reference_ids.jsonl.gz");
  int checked = 0;
  for (storage::Line line; lines.next(line);) {
    const Json vector = parse_json(line.text, "reference_ids");
    const auto text = vector["text"].get<std::string>();
    for (const auto& [name, tokenizer] : tokenizers) {
      EXPECT_EQ(tokenizer->encode(text), vector["ids"][name].get<std::vector<TokenId>>())
          << name << ", line " << line.number << ": " << text.substr(0, 200);
      ++checked;
    }
  }
  EXPECT_GE(checked, 800);
}

TEST(SharpTokenPlans, AreOurs) {
  NEEDS_SHARED();
  const auto tokenizer = load_tokenizer(tokenizer_files() / "gpt2");
  storage::LineReader lines(tokenizer_files() / "vectors/sharptoken_plans.jsonl");
  int checked = 0;
  for (storage::Line line; lines.next(line);) {
    const Json plan = parse_json(line.text, "sharptoken_plans");
    if (plan["encoding"] == "r50k_base" && !plan["special"].get<bool>()) {
      EXPECT_EQ(tokenizer->encode(plan["text"].get<std::string>()),
                plan["ids"].get<std::vector<TokenId>>());
      ++checked;
    }
  }
  EXPECT_GT(checked, 20);
}

}  // namespace
}  // namespace tpt::tokenize
