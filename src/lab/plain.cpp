#include "lab/plain.h"

#include <array>
#include <span>

namespace tpt::lab {

namespace {

constexpr std::array<std::string_view, 24> kAdjectives = {
    "old",   "young",  "quiet", "tall",   "tired",  "kind", "busy",  "proud",
    "small", "clever", "shy",   "brave",  "gentle", "tidy", "early", "late",
    "merry", "calm",   "lucky", "sleepy", "honest", "wise", "plain", "curious"};
constexpr std::array<std::string_view, 28> kPeople = {
    "sailor", "baker",   "teacher", "farmer", "painter",   "miller", "doctor",
    "singer", "porter",  "weaver",  "clerk",  "gardener",  "cook",   "judge",
    "fox",    "heron",   "cat",     "horse",  "neighbour", "nurse",  "driver",
    "guard",  "student", "printer", "smith",  "guest",     "child",  "captain"};
constexpr std::array<std::string_view, 24> kVerbs = {
    "mends",  "carries", "paints", "finds", "watches", "cleans", "sells",     "keeps",
    "brings", "hides",   "counts", "draws", "holds",   "wants",  "remembers", "moves",
    "likes",  "washes",  "lends",  "opens", "studies", "buys",   "shows",     "leaves"};
constexpr std::array<std::string_view, 28> kThings = {
    "net",   "lamp",  "letter", "basket", "drum",  "coat",   "clock",   "chair",  "book",   "map",
    "rope",  "bell",  "boat",   "window", "stone", "mirror", "shoe",    "ladder", "kettle", "flag",
    "wheel", "fence", "candle", "pot",    "glove", "bench",  "picture", "blanket"};
constexpr std::array<std::string_view, 20> kPlaces = {
    "harbour", "bridge", "market", "station", "hill",  "garden", "river",
    "mill",    "school", "wall",   "church",  "field", "forest", "well",
    "square",  "shore",  "barn",   "inn",     "tower", "road"};
constexpr std::array<std::string_view, 12> kTimes = {
    "In the morning",   "At noon",    "On Sunday",     "After the rain",  "In winter", "Every day",
    "Before the feast", "In the fog", "Late at night", "On the way home", "In spring", "At dawn"};

std::string_view pick(Random& random, std::span<const std::string_view> words) {
  return words[random.below(words.size())];
}

// "an old sailor" or "the old sailor".
std::string person(Random& random) {
  const std::string_view adjective = pick(random, kAdjectives);
  std::string text = "the ";
  if (random.below(3) == 0) {
    text = std::string_view("aeiou").find(adjective[0]) == std::string_view::npos ? "a " : "an ";
  }
  return text.append(adjective).append(" ").append(pick(random, kPeople));
}

std::string capitalised(std::string text) {
  if (text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return text;
}

}  // namespace

std::string draw_sentence(Random& random) {
  const std::string who = person(random);
  const std::string verb(pick(random, kVerbs));
  const std::string thing(pick(random, kThings));
  const std::string place(pick(random, kPlaces));
  switch (random.below(5)) {
    case 0:
      return capitalised(who + " " + verb + " the " + thing + ".");
    case 1:
      return capitalised(who + " " + verb + " a " + thing + " by the " + place + ".");
    case 2:
      return std::string(pick(random, kTimes)) + ", " + who + " " + verb + " the " + thing + ".";
    case 3:
      return "The " + thing + " is in the " + place + ".";
    default:
      return "Nobody " + verb + " the " + thing + " near the " + place + ".";
  }
}

bool is_plain_sentence(std::string_view text) {
  if (text.size() < 2 || text.front() < 'A' || text.front() > 'Z' || text.back() != '.') {
    return false;
  }
  text.remove_suffix(1);
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && c != ' ' && c != ',' && c != '\'') {
      return false;
    }
  }
  return true;
}

}  // namespace tpt::lab
