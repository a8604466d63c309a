#include "filter/filter.h"

namespace tpt::filter {

void describe(Fields& fields, Config& config) {
  fields.integer("min_tokens", config.min_tokens, "too_short below this many thinking tokens", 0);
  fields.integer("max_tokens", config.max_tokens,
                 "too_long above this many thinking tokens; 0: no limit", 0);
  fields.integer("min_characters", config.min_characters, "too_short below this many characters",
                 0);
  fields.integer("max_characters", config.max_characters,
                 "too_long above this many characters; 0: no limit", 0);
  fields.flag("require_end", config.require_end,
              "no_end: drop thinking that was cut off by the cap on tokens");
  fields.number("max_tail_share", config.max_tail_share,
                "loop: the end says one piece over and over for more than this share of the text",
                0, 1);
  fields.number("max_repeated_lines", config.max_repeated_lines,
                "repeated_lines: more than this share stands in lines seen before", 0, 1);
  fields.number("max_repeated_ngrams", config.max_repeated_ngrams,
                "repeated_ngrams: more than this share stands in runs of 8 words seen before", 0,
                1);
  fields.number("max_copied", config.max_copied,
                "copy: more than this share stands in runs of 8 words of the document", 0, 1);
  fields.number("max_foreign", config.max_foreign,
                "language: more than this share is in another language than the document", 0, 1);
  fields.flag("refusals", config.refusals, "refusal: drop what declines instead of thinking");
  fields.flag("special_tokens", config.special_tokens,
              "special_tokens: drop thinking with control tokens that the document has not");
  fields.integer("leaked_words", config.leaked_words,
                 "leaked_prompt: this many words in a row of the prompt itself; 0: not looked for",
                 0, 100);
  fields.texts(
      "prompts", config.prompts,
      "leaked_prompt: prompts of one's own that the thinking answered; the built-in ones are "
      "always looked for");
  fields.flag("numbers", config.numbers,
              "numbers: drop false arithmetic, and numbers that contradict the document");
  fields.texts("decontaminate", config.decontaminate,
               "contaminated: files, folders or globs of benchmark questions (JSONL, CSV, Parquet) "
               "that must stand neither in document nor thinking");
  fields.integer("decontaminate_words", config.decontaminate_words,
                 "a run of this many words of a question is a hit; shorter questions count whole",
                 4, 100);
  fields.integer("decontaminate_megabytes", config.decontaminate_megabytes,
                 "refuse benchmarks that take more memory", 1, 1 << 20);
}

}  // namespace tpt::filter
