// Tokenizer files: what we write, what we refuse, what is damaged.
#include "base/error.h"
#include "base/random.h"
#include "oracle.h"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace tpt::tokenize {
namespace {

// What loading `spec` says; "" where it loads.
std::string complaint(const std::string& spec) {
  try {
    load_tokenizer(spec);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user) << error.what();
    return error.what();
  }
}

// A small vocabulary: "ab" is a merge, and "<|endoftext|>" a name.
nlohmann::json small_tokenizer() {
  nlohmann::json json = nlohmann::json::parse(load_tokenizer("bytes")->to_json());
  json["model"]["vocab"]["ab"] = 260;
  json["model"]["merges"] = {"a b"};
  return json;
}

TEST(TokenizerJson, IsReadAndGivesMerges) {
  const TemporaryFolder folder;
  spit(folder / "tokenizer.json", small_tokenizer().dump());
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->encode("aab"), (std::vector<TokenId>{97, 260}));
  EXPECT_EQ(tokenizer->vocab_size(), 261);
  EXPECT_EQ(tokenizer->end_of_text(), 256);
}

TEST(TokenizerJson, NamesWhatIsNotSupported) {
  const TemporaryFolder folder;
  const auto file = folder / "tokenizer.json";
  const auto after = [&](const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json json = small_tokenizer();
    change(json);
    spit(file, json.dump());
    const std::string said = complaint(file);
    EXPECT_NE(said.find("tokenizer.json"), std::string::npos) << said;
    return said;
  };
  const auto says = [](const std::string& said, const std::string& word) {
    EXPECT_NE(said.find(word), std::string::npos) << said;
  };
  says(after([](auto& json) { json["model"]["type"] = "Unigram"; }), "Unigram");
  says(after([](auto& json) { json["model"]["dropout"] = 0.1; }), "dropout");
  says(after([](auto& json) { json["model"]["byte_fallback"] = true; }), "byte_fallback");
  says(after([](auto& json) { json["model"]["end_of_word_suffix"] = "</w>"; }), "</w>");
  says(after([](auto& json) { json["model"]["merges"] = {"a c"}; }), "ac");
  says(after([](auto& json) { json["model"]["merges"] = {"abc"}; }), "abc");
  says(after([](auto& json) { json["model"]["merges"] = {1}; }), "merge");
  says(after([](auto& json) { json["model"]["vocab"]["x"] = -4; }), "-4");
  says(after([](auto& json) { json["model"]["vocab"]["zz"] = 260; }), "same id");
  says(after([](auto& json) { json["model"]["vocab"] = nullptr; }), "vocabulary");
  says(after([](auto& json) { json["model"]["vocab"] = {{"\xE4\xBD\xA0", 1}}; }), "a");
  says(after([](auto& json) { json["normalizer"] = {{"type", "Lowercase"}}; }), "Lowercase");
  says(after([](auto& json) { json["pre_tokenizer"] = nullptr; }), "pre_tokenizer");
  says(after([](auto& json) { json["pre_tokenizer"]["type"] = "Metaspace"; }), "Metaspace");
  says(after([](auto& json) { json["pre_tokenizer"]["add_prefix_space"] = true; }),
       "add_prefix_space");
  says(after([](auto& json) {
         json["pre_tokenizer"] = {{"type", "Split"},
                                  {"pattern", {{"Regex", "a"}}},
                                  {"behavior", "Removed"},
                                  {"invert", false}};
       }),
       "Removed");
  says(after([](auto& json) {
         json["pre_tokenizer"] = {
             {"type", "Sequence"},
             {"pretokenizers",
              {{{"type", "Split"}, {"pattern", {{"Regex", "(("}}}, {"behavior", "Isolated"}},
               json["pre_tokenizer"]}}};
       }),
       "((");
  says(after([](auto& json) { json["added_tokens"] = {{{"id", "x"}, {"content", "<a>"}}}; }),
       "<a>");
  says(after([](auto& json) {
         json["added_tokens"] = {{{"id", 261}, {"content", "  "}, {"special", false}}};
       }),
       "white space");
  says(after([](auto& json) { json = {1, 2}; }), "object");
}

TEST(TokenizerJson, NeverCrashesWhereItIsDamaged) {
  const TemporaryFolder folder;
  const auto file = folder / "tokenizer.json";
  const std::string whole = small_tokenizer().dump();
  Random random(2);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole.substr(0, i % 2 == 0 ? whole.size() : random.below(whole.size()));
    for (int flips = 0; flips < 3 && !damaged.empty(); ++flips) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    spit(file, damaged);
    complaint(file);
  }
  for (const char* text : {"", "{", "[]", "null", "\"x\"", "{\"model\":{}}", "{\"model\":[]}"}) {
    spit(file, text);
    EXPECT_NE(complaint(file), "") << text;
  }
  EXPECT_NE(complaint(folder / "absent.json"), "");
  EXPECT_NE(complaint(folder.path() / ""), "") << "a damaged tokenizer.json in a folder";
}

TEST(VocabFolder, NamesWhatIsNotSupported) {
  const TemporaryFolder folder;
  spit(folder / "vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})");
  spit(folder / "merges.txt", "#version: 0.2\na b\n");
  const auto gpt2 = load_tokenizer(folder.path());
  EXPECT_EQ(gpt2->encode("abb"), (std::vector<TokenId>{2, 1}));
  EXPECT_EQ(gpt2->end_of_text(), 3);
  spit(folder / "tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  EXPECT_NE(complaint(folder.path()).find("RobertaTokenizer"), std::string::npos);
  spit(folder / "tokenizer_config.json",
       R"({"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": {"4": {"content": "<|x|>"}},
           "eos_token": "<|x|>"})");
  EXPECT_EQ(load_tokenizer(folder.path())->special("<|x|>"), 4);
  std::filesystem::remove(folder / "vocab.json");
  EXPECT_NE(complaint(folder.path()), "");
}

TEST(Gguf, NeverCrashesWhereItIsDamaged) {
  NEEDS_SHARED();
  const TemporaryFolder folder;
  const auto file = folder / "vocab.gguf";
  const std::string whole = slurp(tokenizer_files() / "gpt2/ggml-vocab-gpt-2.gguf");
  Random random(4);
  for (int i = 0; i < 12; ++i) {
    spit(file,
         whole.substr(0, i < 8 ? static_cast<std::size_t>(i) * 5 : random.below(whole.size())));
    EXPECT_NE(complaint(file), "");
  }
  for (int i = 0; i < 30; ++i) {
    std::string damaged = whole;
    // The beginning holds the keys, their types and the lengths of arrays.
    damaged[random.below(i < 20 ? 1500 : whole.size())] ^= static_cast<char>(1 << random.below(8));
    spit(file, damaged);
    complaint(file);
  }
  EXPECT_NE(complaint(tokenizer_files() / "phi3_spm/ggml-vocab-phi-3.gguf").find("llama"),
            std::string::npos);
}

// Our own tokenizer.json in the hands of `tokenizers`.
class WrittenSlow : public testing::TestWithParam<std::string> {};

TEST_P(WrittenSlow, TokenizerJsonGivesTheSameIdsElsewhere) {
  NEEDS_PYTHON();
  NEEDS_SHARED();
  std::string spec = GetParam();
  if (spec == "smollm2") {
    spec = TPT_SMOLLM2;
  } else if (spec == "llama3") {
    spec = TPT_LLAMA_SOURCE "/models/ggml-vocab-llama-bpe.gguf";
  } else if (spec != "bytes") {
    spec = tokenizer_files() / spec;
  }
  const auto tokenizer = load_tokenizer(spec);
  const TemporaryFolder folder;
  spit(folder / "tokenizer.json", tokenizer->to_json());
  // Valid text only: Python's strings hold no other.
  spit(folder / "hostile.txt",
       "<|endoftext|> <think>a</think> \xC3\xA9 e\xCC\x81 \xE4\xBD\xA0\xE5\xA5\xBD 1234567 "
       "\xF0\x9F\x98\x80"
       "\n\n  \t x\xC2\xA0y\xE1\xA0\x8Ez \xE2\x80\x83 don't DON'T" +
           std::string("\0\x01", 2));
  const auto docs = shared_folder() / "data/docs";
  int status = 0;
  ask_tokenizers(fmt::format("ids {} {} {} {} {}", (folder / "tokenizer.json").string(),
                             (folder / "ids").string(), (folder / "hostile.txt").string(),
                             (docs / "stack_exchange.jsonl.gz").string(),
                             (docs / "c4_demo.jsonl.gz").string()),
                 status);
  ASSERT_EQ(status, 0);
  const auto again = load_tokenizer(folder / "tokenizer.json");
  EXPECT_EQ(again->vocab_size(), tokenizer->vocab_size());
  EXPECT_EQ(again->end_of_text(), tokenizer->end_of_text());
  int wrong = 0;
  const int documents =
      for_each_encoded(folder / "ids", [&](const std::string& text, const auto& expected) {
        wrong += tokenizer->encode(text) == expected ? 0 : 1;
        wrong += again->encode(text) == expected ? 0 : 1;
      });
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(documents, 100);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, WrittenSlow,
                         testing::Values("bytes", "gpt2/ggml-vocab-gpt-2.gguf", "qwen2", "smollm2",
                                         "llama3"));

}  // namespace
}  // namespace tpt::tokenize
