#include "engine/mock_text.h"

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"

#include <algorithm>

namespace tpt::engine {
namespace {

constexpr std::size_t kProseTokens = 1U << 16U;
constexpr std::size_t kFillers = 48;

// No digits among them: what reads the thinking may compare numbers with the document.
constexpr std::string_view kWords =
    "about above account across actual against agree almost alone already also although always "
    "among "
    "amount answer appear apply approach area argument around article aspect assume attempt author "
    "average aware balance basic because become before begin behind belief below between beyond "
    "board "
    "body book both boundary branch bridge brief bring broad build business calculate careful "
    "carry "
    "case cause center central century certain chance change chapter character check choice circle "
    "claim class clear close coast coefficient cold collect color combine common compare complete "
    "concept conclude condition confirm connect consider constant contain content context continue "
    "contrast control correct cost count course cover create current curve data deal decide deep "
    "define degree depend derive describe design detail develop device differ direct discuss "
    "distance "
    "divide document doubt draw during each early earth easy economy edge effect effort either "
    "element emerge empirical energy engine enough entire equal error especially estimate even "
    "event "
    "evidence exact example except exchange exist expect experience explain express extend factor "
    "fact family feature field figure final find first focus follow force form formal found frame "
    "frequent function further future gain garden general given global govern gradual great ground "
    "group growth guess half hand harbor heat heavy height hence high history hold however human "
    "idea identify image imagine impact imply important include increase indeed indicate influence "
    "inform inner inquiry instance instead intend interest interpret involve island issue item "
    "journal judge justify keep kind knowledge known label language large later lead learn least "
    "length lesson letter level light likely limit linear listen local logic long lower machine "
    "main "
    "major manage manner margin market material matter maybe mean measure medium member memory "
    "mention method middle might minor model modern moment motion mountain move much music must "
    "name narrow nation nature nearly necessary need neither network never next normal note notice "
    "notion number object observe obtain obvious occur offer office often once open operate "
    "opinion "
    "option order ordinary origin other outcome outer overall paper parallel part pass past path "
    "pattern people perhaps period permit person phase phrase picture piece place plain plan plant "
    "play point policy position possible power practice precise predict prefer present pressure "
    "prevent previous primary principle problem process produce project proof proper property "
    "propose prove provide public pure purpose quality quantity question quick quite range rare "
    "rate rather ratio reach read ready reason recall receive recent recognize record reduce refer "
    "reflect region relate remain remark remember repeat reply report represent require research "
    "resolve respect respond result return reveal review river road role rule sample scale scene "
    "school science second section seem select sense sentence separate series serve several shape "
    "share short should show side signal similar simple since single situation size slow small "
    "social society soil solve some sound source space speak special specific speed spring stable "
    "stage stand standard start state statement station step still stone store story stream street "
    "strong structure study subject such sudden suggest summary summer supply support suppose "
    "surface survey system table take teach technique tend term test text theory therefore thing "
    "think thought through time title today together topic total toward trace track trade travel "
    "treat tree trend trial true turn type under understand uniform unit unless until upper useful "
    "usual valley value various version very view village vision voice volume water wave weather "
    "weight whether while whole wide wind window winter within without wonder wood word work world "
    "worth would write year yield young";

constexpr std::array<std::string_view, 10> kRareWords = {
    "caf\u00e9 ",    "na\u00efve ",         "\u201cquoted\u201d ", "\"plain\" ",
    "a\\b ",         "\u03b1\u2192\u03b2 ", "\u6771\u4eac ",       "\U0001F9E0 ",
    "Stra\u00dfe\t", "(\u2248 half) "};

constexpr std::string_view kRefusal =
    "I'm sorry, but I can't help with that request. If there is something else that you would like "
    "to discuss, I'm happy to assist.";

// Letters beyond ASCII as \uXXXX, with surrogates above U+FFFF.
std::string escaped_letters(std::string_view raw) {
  const std::string text = Json(std::string(raw)).dump(-1, ' ', true);
  return text.substr(1, text.size() - 2);
}

template <typename Take>
void for_each_word(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t space = text.find_first_of(" \n");
    const std::size_t end = space == std::string_view::npos ? text.size() : space + 1;
    take(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace

void append_json_escaped(std::string_view raw, std::string& out) {
  const std::string text =
      Json(std::string(raw)).dump(-1, ' ', false, Json::error_handler_t::replace);
  out.append(text, 1, text.size() - 2);
}

void MockPool::add(std::string_view raw, bool escape_letters) {
  raw_ += raw;
  if (escape_letters) {
    escaped_ += escaped_letters(raw);
  } else {
    append_json_escaped(raw, escaped_);
  }
  raw_ends_.push_back(static_cast<std::uint32_t>(raw_.size()));
  escaped_ends_.push_back(static_cast<std::uint32_t>(escaped_.size()));
}

MockPool::Range MockPool::since(std::size_t first) const {
  return {static_cast<std::uint32_t>(first),
          static_cast<std::uint32_t>(raw_ends_.size() - 1 - first)};
}

MockPool::MockPool(std::uint64_t seed) {
  std::size_t first = 0;
  const auto range = [&] {
    const Range done = since(first);
    first += done.count;
    return done;
  };
  for_each_word(kWords, [&](std::string_view word) {
    add(std::string(word.substr(0, word.find(' '))) + " ");
  });
  words_ = range();
  constexpr std::string_view kEnd = "nevertheless, accordingly and with all things considered";
  for (std::size_t bytes = 1; bytes <= kFillers; ++bytes) {
    add(std::string(kEnd.substr(0, bytes - 1)) + ".");
  }
  fillers_ = range();
  for_each_word(kRefusal, [&](std::string_view word) { add(word); });
  refusal_ = range();
  add("<think>\n");
  think_start_ = range();
  add("\n</think>\n\n");
  think_end_ = range();
  write_prose(seed);
  prose_ = range();
}

void MockPool::write_prose(std::uint64_t seed) {
  Random random(derive_seed(seed, "mock", "prose"));
  std::size_t left_of_sentence = 0;
  for (std::size_t token = 0; token < kProseTokens; ++token) {
    const bool starts = left_of_sentence == 0;
    if (starts) left_of_sentence = 6 + random.below(14);
    --left_of_sentence;
    const std::size_t chosen = words_.first + random.below(words_.count);
    std::string word(raw(chosen, 1));
    word.pop_back();
    if (starts) word[0] = static_cast<char>(word[0] - 'a' + 'A');
    if (left_of_sentence == 0) {
      word += random.below(6) == 0 ? ".\n\n" : ". ";
    } else if (!starts && random.below(40) == 0) {
      add(kRareWords[random.below(kRareWords.size())], random.below(2) == 0);
      continue;
    } else {
      word += random.below(12) == 0 ? ", " : " ";
    }
    add(word);
  }
}

std::size_t MockPool::prose_bytes(std::size_t first, std::size_t count) const {
  const std::size_t whole = raw_bytes(prose_.first, prose_.count);
  std::size_t bytes = count / prose_.count * whole;
  count %= prose_.count;
  const std::size_t until_end = std::min<std::size_t>(count, prose_.count - first);
  bytes += raw_bytes(prose_.first + first, until_end);
  return bytes + raw_bytes(prose_.first, count - until_end);
}

std::size_t MockPool::prose_tokens_within(std::size_t first, std::size_t bytes) const {
  const std::size_t whole = raw_bytes(prose_.first, prose_.count);
  std::size_t tokens = bytes / whole * prose_.count;
  bytes %= whole;
  const auto count_within = [&](std::size_t from, std::size_t limit) {
    const auto start = raw_ends_.begin() + static_cast<std::ptrdiff_t>(prose_.first + from);
    const auto end = std::upper_bound(start, raw_ends_.end(), *start + limit);
    return static_cast<std::size_t>(end - start) - 1;
  };
  const std::size_t to_end = raw_bytes(prose_.first + first, prose_.count - first);
  if (bytes < to_end) return tokens + count_within(first, bytes);
  return tokens + (prose_.count - first) + count_within(0, bytes - to_end);
}

void MockText::add_part(Part part) {
  if (part.count == 0) return;
  TPT_CHECK(parts_used_ < kMaxParts);
  parts_[parts_used_++] = part;
  tokens_ += part.count;
}

void MockText::add(MockPool::Range range) {
  add_part({.first = range.first, .count = range.count});
}

void MockText::add_prose(std::size_t first, std::size_t count, std::size_t period) {
  add_part({.first = static_cast<std::uint32_t>(pool_->prose().first + first),
            .count = static_cast<std::uint32_t>(count),
            .period = static_cast<std::uint32_t>(period)});
}

void MockText::add_own(std::string_view raw) {
  if (own_ends_.empty()) own_ends_.push_back(0);
  const std::size_t first = own_ends_.size() - 1;
  for_each_word(raw, [&](std::string_view word) {
    own_ += word;
    own_ends_.push_back(static_cast<std::uint32_t>(own_.size()));
  });
  add_part({.first = static_cast<std::uint32_t>(first),
            .count = static_cast<std::uint32_t>(own_ends_.size() - 1 - first),
            .own = true});
}

void MockText::add(const MockText& text) {
  for (std::size_t i = 0; i < text.parts_used_; ++i) {
    const Part& part = text.parts_[i];
    if (part.own) {
      const std::size_t start = text.own_ends_[part.first];
      add_own(std::string_view(text.own_).substr(start,
                                                 text.own_ends_[part.first + part.count] - start));
    } else {
      add_part(part);
    }
  }
}

void MockText::cut(std::size_t tokens) {
  if (tokens >= tokens_) return;
  tokens_ = tokens;
  for (std::size_t i = 0; i < parts_used_; ++i) {
    Part& part = parts_[i];
    part.count = static_cast<std::uint32_t>(std::min<std::size_t>(part.count, tokens));
    tokens -= part.count;
  }
}

template <typename Take>
void MockText::walk(std::size_t first, std::size_t count, Take take) const {
  for (std::size_t i = 0; i < parts_used_ && count > 0; ++i) {
    const Part& part = parts_[i];
    if (first >= part.count) {
      first -= part.count;
      continue;
    }
    const std::size_t taken = std::min<std::size_t>(count, part.count - first);
    take(part, first, taken);
    count -= taken;
    first = 0;
  }
}

template <typename Take>
void MockText::walk_pool(const Part& part, std::size_t offset, std::size_t count, Take take) const {
  const MockPool::Range& prose = pool_->prose();
  while (count > 0) {
    std::size_t at = offset;
    std::size_t until_turn = part.count - offset;
    if (part.period != 0) {
      at = offset % part.period;
      until_turn = part.period - at;
    }
    std::size_t token = part.first + at;
    if (part.first >= prose.first) {
      token = prose.first + (token - prose.first) % prose.count;
      until_turn = std::min<std::size_t>(until_turn, prose.first + prose.count - token);
    }
    const std::size_t taken = std::min(count, until_turn);
    take(token, taken);
    offset += taken;
    count -= taken;
  }
}

void MockText::append_escaped(std::size_t first, std::size_t count, std::string& out) const {
  walk(first, count, [&](const Part& part, std::size_t offset, std::size_t taken) {
    if (part.own) {
      const std::size_t start = own_ends_[part.first + offset];
      append_json_escaped(
          std::string_view(own_).substr(start, own_ends_[part.first + offset + taken] - start),
          out);
    } else {
      walk_pool(part, offset, taken,
                [&](std::size_t token, std::size_t run) { out += pool_->escaped(token, run); });
    }
  });
}

void MockText::append_raw(std::size_t first, std::size_t count, std::string& out) const {
  walk(first, count, [&](const Part& part, std::size_t offset, std::size_t taken) {
    if (part.own) {
      const std::size_t start = own_ends_[part.first + offset];
      out.append(own_, start, own_ends_[part.first + offset + taken] - start);
    } else {
      walk_pool(part, offset, taken,
                [&](std::size_t token, std::size_t run) { out += pool_->raw(token, run); });
    }
  });
}

std::size_t MockText::raw_bytes() const {
  std::size_t bytes = 0;
  walk(0, tokens_, [&](const Part& part, std::size_t offset, std::size_t taken) {
    if (part.own) {
      bytes += own_ends_[part.first + offset + taken] - own_ends_[part.first + offset];
    } else {
      walk_pool(part, offset, taken,
                [&](std::size_t token, std::size_t run) { bytes += pool_->raw_bytes(token, run); });
    }
  });
  return bytes;
}

std::string MockText::raw() const {
  std::string text;
  append_raw(0, tokens_, text);
  return text;
}

}  // namespace tpt::engine
