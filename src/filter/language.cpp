#include "filter/language.h"

#include "filter/hash_set.h"
#include "filter/script.h"
#include "filter/stop_words.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

namespace tpt::filter {

namespace {

constexpr double kBlockWords = 40;
constexpr double kLeastWords = 12;    // to tell a language from
constexpr double kStopShare = 0.15;   // of a block's words are among the commonest of its language
constexpr double kStopLead = 1.5;     // times as many as of the next language
constexpr double kNativeShare = 0.1;  // of the document makes a language one of its own
constexpr double kQuotedShare = 0.6;  // of a block's words stand in the document: a quotation
constexpr double kLeastForeign = 8;   // words; fewer are names and terms

constexpr std::size_t kScripts = 15;
// A language in Latin script is its number; any other script is a language of its own.
constexpr std::size_t kTongues = kLanguages + kScripts;

std::string tongue_name(std::size_t tongue) {
  return std::string(tongue < kLanguages ? language_name(tongue)
                                         : script_name(static_cast<Script>(tongue - kLanguages)));
}

std::size_t tongue_of(Script script) { return kLanguages + static_cast<std::size_t>(script); }

// Part of a text, and the words it has of each script.
struct Block {
  std::size_t first = 0;  // word
  std::size_t last = 0;   // behind the last one
  double words = 0;
  std::array<double, kScripts> scripts{};
  LanguageCounts stop_words;
};

// Signs of scripts without spaces are counted as about as many words as they say.
double weight_of(Script script, std::size_t bytes) {
  switch (script) {
    case Script::han:
    case Script::kana:
    case Script::hangul:
      return 0.5;
    case Script::thai:
      return std::max(1.0, static_cast<double>(bytes) / 15);
    default:
      return 1;
  }
}

// Names in code, commands of LaTeX, paths: words that say nothing about the language around them.
bool is_identifier(std::string_view text, const Word& word) {
  static constexpr auto kBefore = table_of("\\_.@#/<{-");
  static constexpr auto kBehind = table_of("_(=/<{\\-");
  const auto has = [&text](const std::array<bool, 256>& table, std::size_t at) {
    return table[static_cast<unsigned char>(text[at])];
  };
  return (word.begin > 0 && has(kBefore, word.begin - 1)) ||
         (word.end < text.size() && has(kBehind, word.end));
}

// How often each stop word came in a block.
using Seen = std::array<std::uint8_t, kMostStopWords>;

// A block has far fewer than 255 words, so its counts hold them.
void count_word(Block& block, Seen& seen, const Reading& reading, std::size_t i) {
  const Word& word = reading.words[i];
  const std::size_t bytes = word.end - word.begin;
  const Script script = script_of(reading.text.substr(word.begin, bytes));
  if (script == Script::none) return;
  if (script == Script::latin) {
    if (bytes == 1 || is_identifier(reading.text, word)) return;
    const StopWord& stop = stop_word(word.hash);
    // Each counts twice at most. No branch: which word is one of these cannot be guessed.
    static constexpr std::array<LanguageCounts, 1> kNone{};
    block.stop_words.add(seen[stop.number]++ < 2 ? stop.languages : kNone[0]);
  } else if (script == Script::greek && bytes == 2) {
    return;
  }
  const double weight = weight_of(script, bytes);
  block.scripts[static_cast<std::size_t>(script)] += weight;
  block.words += weight;
}

std::vector<Block> blocks_of(const Reading& reading) {
  const std::vector<Extent> left_out = code_and_formula_extents(reading.text);
  auto skip = left_out.begin();
  Seen seen{};
  std::vector<Block> blocks;
  blocks.reserve(1 + reading.words.size() / static_cast<std::size_t>(kBlockWords));
  blocks.emplace_back();
  for (std::size_t i = 0; i < reading.words.size(); ++i) {
    while (skip != left_out.end() && skip->end <= reading.words[i].begin) ++skip;
    if (skip != left_out.end() && skip->begin <= reading.words[i].begin) continue;
    if (blocks.back().words >= kBlockWords) {
      blocks.push_back({.first = i});
      seen.fill(0);
    }
    blocks.back().last = i + 1;
    count_word(blocks.back(), seen, reading, i);
  }
  if (blocks.size() > 1 && blocks.back().words < kLeastWords) blocks.pop_back();
  return blocks;
}

std::optional<std::size_t> latin_language(const Block& block) {
  const double words = block.scripts[static_cast<std::size_t>(Script::latin)];
  std::size_t best = 0;
  double most = 0;
  double next = 0;
  for (std::size_t language = 0; language < kLanguages; ++language) {
    const double count = block.stop_words.of(language);
    next = std::max(next, std::min(count, most));
    if (count > most) best = language;
    most = std::max(most, count);
  }
  const bool clear = words >= kLeastWords && most >= kStopShare * words && most >= kStopLead * next;
  if (!clear) return std::nullopt;
  return best;
}

// The words of each language in a block; those whose language is not clear are left out.
std::array<double, kTongues> tongues_of(const Block& block) {
  std::array<double, kTongues> tongues{};
  for (std::size_t i = 0; i < kScripts; ++i) {
    const auto script = static_cast<Script>(i);
    if (script == Script::none || script == Script::latin) continue;
    tongues[tongue_of(script)] = block.scripts[i];
  }
  // Japanese is written in both.
  double& kana = tongues[tongue_of(Script::kana)];
  double& han = tongues[tongue_of(Script::han)];
  if (kana >= 0.1 * (kana + han)) {
    kana += han;
    han = 0;
  }
  if (const auto language = latin_language(block)) {
    tongues[*language] = block.scripts[static_cast<std::size_t>(Script::latin)];
  }
  return tongues;
}

using Native = std::array<bool, kTongues>;

// The languages of a text; all false where none is clear.
Native native_of(const std::vector<Block>& blocks) {
  std::array<double, kTongues> sums{};
  double words = 0;
  for (const Block& block : blocks) {
    const auto tongues = tongues_of(block);
    for (std::size_t i = 0; i < kTongues; ++i) sums[i] += tongues[i];
    words += block.words;
  }
  Native native{};
  for (std::size_t i = 0; i < kTongues; ++i) {
    native[i] = sums[i] >= kLeastForeign && sums[i] >= kNativeShare * words;
  }
  return native;
}

bool any_of(const Native& native) {
  return std::find(native.begin(), native.end(), true) != native.end();
}

Native reference_for(const std::vector<Block>& thinking, const Reading& document) {
  Native native = native_of(blocks_of(document));
  for (std::size_t i = 0; i < thinking.size() && !any_of(native); ++i) {
    native = native_of({thinking[i]});
  }
  return native;
}

// The share of a block's words in this language that do not stand in the document.
double new_share(const Reading& thinking, const Block& block, std::size_t tongue,
                 const HashSet& known) {
  double all = 0;
  double fresh = 0;
  for (std::size_t i = block.first; i < block.last; ++i) {
    const Word& word = thinking.words[i];
    const Script script = script_of(thinking.text.substr(word.begin, word.end - word.begin));
    const bool counts = tongue < kLanguages ? script == Script::latin : script != Script::latin;
    if (!counts || script == Script::none) continue;
    all += 1;
    if (!known.contains(word.hash)) fresh += 1;
  }
  return all == 0 ? 0 : fresh / all;
}

std::string describe_drift(const Native& native, std::size_t tongue, std::size_t word) {
  std::string expected;
  for (std::size_t i = 0; i < kTongues; ++i) {
    if (native[i]) expected += (expected.empty() ? "" : ", ") + tongue_name(i);
  }
  return fmt::format("{} at word {}, expected {}", tongue_name(tongue), word, expected);
}

}  // namespace

Drift language_drift(const Reading& thinking, const Reading& document) {
  const std::vector<Block> blocks = blocks_of(thinking);
  const Native native = reference_for(blocks, document);
  if (!any_of(native)) return {};
  std::optional<HashSet> known;
  Drift drift;
  double words = 0;
  double foreign = 0;
  for (const Block& block : blocks) {
    words += block.words;
    const auto tongues = tongues_of(block);
    for (std::size_t i = 0; i < kTongues; ++i) {
      if (native[i] || tongues[i] == 0) continue;
      if (!known) {
        known.emplace(document.words.size());
        for (const Word& word : document.words) known->insert(word.hash);
      }
      const double fresh = new_share(thinking, block, i, *known);
      if (fresh < 1 - kQuotedShare) continue;
      foreign += i < kLanguages ? tongues[i] : tongues[i] * fresh;
      if (drift.detail.empty()) drift.detail = describe_drift(native, i, block.first);
    }
  }
  if (foreign < kLeastForeign) return {};
  drift.share = foreign / words;
  return drift;
}

}  // namespace tpt::filter
