// HTML that cannot be forgotten to be escaped: only string literals marked _html go in as they
// are, every other text is escaped.
//
//   Html html;
//   html << "<h2>"_html << flow.title << "</h2>"_html;
#pragma once

#include "base/json.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::report {

// Markup written by us, known when compiling.
struct Markup {
  std::string_view text;
};
consteval Markup operator""_html(const char* text, std::size_t size) { return {{text, size}}; }

class Html {
 public:
  Html& operator<<(Markup markup);
  // Escaped with escape_html().
  Html& operator<<(std::string_view text);
  Html& operator<<(const std::string& text) { return *this << std::string_view(text); }
  // A literal without _html: its author has to say which of the two is meant.
  Html& operator<<(const char* text) = delete;
  // With commas between thousands.
  Html& operator<<(std::int64_t number);
  Html& operator<<(const Html& html);
  // Text that this project wrote or already made safe for its place: scripts, styles, their hashes.
  Html& trusted(std::string_view text);

  const std::string& str() const { return html_; }

 private:
  std::string html_;
};

// Text for element content and quoted attributes. Invalid UTF-8 becomes U+FFFD, control characters
// their pictures (U+2400...), and the characters that turn the direction of text around are named
// ("[U+202E]"), so that what a person sees is what stands there.
std::string escape_html(std::string_view text);

// JSON for the content of <script type="application/json">: <, >, &, U+2028 and U+2029 as \u
// escapes.
std::string json_for_script(const Json& value);

// The base64 of a SHA-256, as Content-Security-Policy wants it: 'sha256-...'.
std::string csp_hash(std::string_view text);

// A table: heads, then rows of cells; cells after the first are set to the right.
class Table {
 public:
  Table(std::string caption, std::vector<std::string> heads);
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // The table inside a box that scrolls sideways where it is too wide.
  Html html() const;

 private:
  std::string caption_;
  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tpt::report
