#include "augment/card_text.h"

#include "augment/figure_text.h"
#include "base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>

namespace tpt::augment {
namespace {

// The code points of valid UTF-8, one after the other.
class CodePoints {
 public:
  explicit CodePoints(std::string text) : text_(std::move(text)) {}
  bool next(std::uint32_t& point, std::string_view& bytes) {
    if (at_ >= text_.size()) return false;
    const auto first = static_cast<unsigned char>(text_[at_]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    point = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
      point = (point << 6U) | (static_cast<unsigned char>(text_[at_ + i]) & 0x3FU);
    }
    bytes = std::string_view(text_).substr(at_, length);
    at_ += length;
    return true;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

bool is_control(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x2028 || point == 0x2029;
}

bool turns_direction(std::uint32_t point) {
  return (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) ||
         point == 0x200E || point == 0x200F || point == 0x61C;
}

std::string lower(std::string_view text) {
  std::string lowered;
  for (const char letter : text) {
    lowered += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return lowered;
}

// Words and numbers, joined with dashes, without "license" and the like.
std::string licence_words(std::string_view licence) {
  std::string words;
  std::string word;
  for (const char letter : lower(licence) + " ") {
    if (std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '.') {
      word += letter;
      continue;
    }
    if (word.starts_with('v') && word.size() > 1 &&
        std::isdigit(static_cast<unsigned char>(word[1])) != 0) {
      word.erase(0, 1);
    }
    const bool filler = word == "license" || word == "licence" || word == "the" ||
                        word == "version" || word == "only" || word == "later" || word == "or";
    if (!word.empty() && !filler) words += (words.empty() ? "" : "-") + word;
    word.clear();
  }
  return words;
}

constexpr std::string_view kHubLicences[] = {"afl-3.0",
                                             "agpl-3.0",
                                             "apache-2.0",
                                             "artistic-2.0",
                                             "bsd",
                                             "bsd-2-clause",
                                             "bsd-3-clause",
                                             "bsd-3-clause-clear",
                                             "bsl-1.0",
                                             "c-uda",
                                             "cc",
                                             "cc-by-2.0",
                                             "cc-by-2.5",
                                             "cc-by-3.0",
                                             "cc-by-4.0",
                                             "cc-by-nc-2.0",
                                             "cc-by-nc-3.0",
                                             "cc-by-nc-4.0",
                                             "cc-by-nc-nd-3.0",
                                             "cc-by-nc-nd-4.0",
                                             "cc-by-nc-sa-2.0",
                                             "cc-by-nc-sa-3.0",
                                             "cc-by-nc-sa-4.0",
                                             "cc-by-nd-4.0",
                                             "cc-by-sa-3.0",
                                             "cc-by-sa-4.0",
                                             "cc0-1.0",
                                             "cdla-permissive-1.0",
                                             "cdla-permissive-2.0",
                                             "cdla-sharing-1.0",
                                             "ecl-2.0",
                                             "epl-1.0",
                                             "epl-2.0",
                                             "etalab-2.0",
                                             "eupl-1.1",
                                             "eupl-1.2",
                                             "gemma",
                                             "gfdl",
                                             "gpl",
                                             "gpl-2.0",
                                             "gpl-3.0",
                                             "isc",
                                             "lgpl",
                                             "lgpl-2.1",
                                             "lgpl-3.0",
                                             "llama2",
                                             "llama3",
                                             "llama3.1",
                                             "llama3.2",
                                             "llama3.3",
                                             "lppl-1.3c",
                                             "mit",
                                             "mpl-2.0",
                                             "ms-pl",
                                             "ncsa",
                                             "odbl",
                                             "odc-by",
                                             "ofl-1.1",
                                             "openrail",
                                             "osl-3.0",
                                             "pddl",
                                             "postgresql",
                                             "unknown",
                                             "unlicense",
                                             "wtfpl",
                                             "zlib"};

}  // namespace

std::string markdown_text(std::string_view text) {
  constexpr std::string_view kMarks = "\\`*_{}[]<>()#+!|~&$";
  std::string shown;
  CodePoints points(valid_utf8(text));
  std::uint32_t point = 0;
  for (std::string_view bytes; points.next(point, bytes);) {
    if (is_control(point)) {
      shown += ' ';
    } else if (turns_direction(point)) {
      shown += "\uFFFD";
    } else {
      if (point < 0x80 && kMarks.find(bytes[0]) != std::string_view::npos) shown += '\\';
      shown += bytes;
    }
  }
  return shown;
}

std::string markdown_block(std::string_view text) {
  std::size_t longest = 2;
  std::size_t run = 0;
  for (const char letter : text) {
    run = letter == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}text\n{}\n{}\n", fence, valid_utf8(text), fence);
}

std::string yaml_text(std::string_view text) {
  std::string quoted = "\"";
  CodePoints points(valid_utf8(text));
  std::uint32_t point = 0;
  for (std::string_view bytes; points.next(point, bytes);) {
    if (point == '"' || point == '\\') {
      quoted += '\\';
      quoted += bytes;
    } else if (point >= 0x20 && point < 0x7F) {
      quoted += bytes;
    } else {
      quoted += fmt::format("\\U{:08X}", point);
    }
  }
  return quoted + "\"";
}

std::string hub_licence(std::string_view licence) {
  std::string words = licence_words(licence);
  const std::pair<std::string_view, std::string_view> also[] = {
      {"apache", "apache-2.0"},
      {"apache-2", "apache-2.0"},
      {"cc0", "cc0-1.0"},
      {"cc-zero", "cc0-1.0"},
      {"cc0-1", "cc0-1.0"},
      {"public-domain", "pddl"},
      {"publicdomain", "pddl"},
      {"odc-by-1.0", "odc-by"},
      {"odbl-1.0", "odbl"},
      {"pddl-1.0", "pddl"},
      {"gpl-2", "gpl-2.0"},
      {"gpl-3", "gpl-3.0"},
      {"gnu-gpl-3", "gpl-3.0"},
      {"agpl-3", "agpl-3.0"},
      {"mpl-2", "mpl-2.0"},
      {"zlib-libpng", "zlib"},
      {"the-unlicense", "unlicense"},
      {"creative-commons-attribution-4.0", "cc-by-4.0"},
      {"creative-commons-attribution-sharealike-4.0", "cc-by-sa-4.0"}};
  for (const auto& [name, known] : also) {
    if (words == name) return std::string(known);
  }
  const bool found =
      std::find(std::begin(kHubLicences), std::end(kHubLicences), words) != std::end(kHubLicences);
  return found ? words : "other";
}

}  // namespace tpt::augment
