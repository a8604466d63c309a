#include "pack/pack.h"

namespace tpt::pack {

void describe(Fields& fields, Config& config) {
  fields.text("tokenizer", config.tokenizer,
              "bytes, a tokenizer.json or its folder, or a .gguf file");
  fields.choice(
      "format", config.format,
      {{"tpt", Format::tpt},
       {"vanilla", Format::vanilla},
       {"thinking_first", Format::thinking_first},
       {"interleaved", Format::interleaved},
       {"rephrase", Format::rephrase}},
      "what a sample is: document and thinking, the document alone, thinking first, chunk "
      "and thinking in turn, or the document and its rephrasing");
  fields.choice(
      "tags", config.tags,
      {{"automatic", Tags::automatic}, {"special", Tags::special}, {"text", Tags::text}},
      "<think> and </think> as special tokens or as text; automatic: special where there are such");
  fields.text("separator", config.separator, "text between document and thinking block");
  fields.text("inner_separator", config.inner_separator, "text after <think> and before </think>");
  fields.text("begin_of_text", config.begin_of_text,
              "special token before every sample; empty for none");
  fields.text("end_of_text", config.end_of_text,
              "special token after every sample; empty for the tokenizer's own");
  fields.choice("at_cap", config.at_cap, {{"keep", AtCap::keep}, {"drop", AtCap::drop}},
                "samples whose thinking hit the cap");
  fields.choice("missing_thinking", config.missing_thinking,
                {{"drop", MissingThinking::drop}, {"document", MissingThinking::document}},
                "samples without thinking: drop them, or keep the document alone");
  fields.choice("chat", config.chat,
                {{"plain", Chat::plain}, {"chatml", Chat::chatml}, {"llama3", Chat::llama3}},
                "how fine-tuning examples are written: prompt and completion as they are, or turns "
                "as Qwen and SmolLM2 (chatml) or Llama 3 have them");
  fields.flag("shuffle_thinking", config.shuffle_thinking,
              "control: give every document the thinking of another one");
  fields.flag("shuffle", config.shuffle, "write the samples in a seeded random order");
  fields.integer("seed", config.seed, "of the shuffles", 0);
  fields.integer("threads", config.threads, "threads that tokenise; 0: one a core", 0, 1024);
  fields.integer("max_sample_tokens", config.max_sample_tokens,
                 "drop samples of more tokens; 0: keep all", 0);
}

Json to_json(const Counts& counts) {
  Json json;
  json["rows"] = counts.rows;
  json["samples"] = counts.samples;
  json["dropped"] = Json::object();
  for (const auto& [reason, samples] : counts.dropped) {
    json["dropped"][reason] = samples;
  }
  json["tokens"] = {{"document", counts.document}, {"thinking", counts.thinking},
                    {"special", counts.special},   {"prompt", counts.prompt},
                    {"answer", counts.answer},     {"total", counts.total}};
  json["thinking_shuffled"] = counts.thinking_shuffled;
  return json;
}

}  // namespace tpt::pack
