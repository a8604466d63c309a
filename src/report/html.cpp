#include "report/html.h"

#include "base/digest.h"
#include "base/error.h"
#include "report/number_text.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace tpt::report {
namespace {

struct Character {
  char32_t code = 0xFFFD;
  std::size_t bytes = 1;
};

// The UTF-8 character at `at`; U+FFFD of one byte where the bytes are not one (too short, overlong,
// a surrogate, beyond U+10FFFF).
Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) {
    return {first, 1};
  }
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + bytes > text.size()) {
    return {};
  }
  char32_t code = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80U) {
      return {};
    }
    code = (code << 6U) | (byte(at + i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[bytes] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    return {};
  }
  return {code, bytes};
}

bool turns_direction(char32_t code) {
  return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
         code == 0x200E || code == 0x200F || code == 0x061C;
}

void append_picture(std::string& out, char32_t control) {
  const char32_t picture = control == 0x7F ? 0x2421 : 0x2400 + control;
  out += static_cast<char>(0xE2);
  out += static_cast<char>(0x80 | ((picture >> 6U) & 0x3FU));
  out += static_cast<char>(0x80 | (picture & 0x3FU));
}

void append_escaped(std::string& out, std::string_view text, std::size_t at,
                    const Character& character) {
  const char32_t code = character.code;
  if (code == '&') {
    out += "&amp;";
  } else if (code == '<') {
    out += "&lt;";
  } else if (code == '>') {
    out += "&gt;";
  } else if (code == '"') {
    out += "&quot;";
  } else if (code == '\'') {
    out += "&#39;";
  } else if (code == '\r') {  // the parser would drop it
    out += "&#13;";
  } else if ((code < 0x20 && code != '\n' && code != '\t') || code == 0x7F) {
    append_picture(out, code);
  } else if ((code >= 0x80 && code < 0xA0) || turns_direction(code)) {
    out += fmt::format("[U+{:04X}]", static_cast<unsigned>(code));
  } else if (code == 0xFFFD) {
    out += "\xEF\xBF\xBD";
  } else {
    out += text.substr(at, character.bytes);
  }
}

}  // namespace

Html& Html::operator<<(Markup markup) {
  html_ += markup.text;
  return *this;
}

Html& Html::operator<<(std::string_view text) {
  html_ += escape_html(text);
  return *this;
}

Html& Html::operator<<(std::int64_t number) {
  html_ += count_text(number);
  return *this;
}

Html& Html::operator<<(const Html& html) {
  html_ += html.html_;
  return *this;
}

Html& Html::trusted(std::string_view text) {
  html_ += text;
  return *this;
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    append_escaped(out, text, at, character);
    at += character.bytes;
  }
  return out;
}

std::string json_for_script(const Json& value) {
  const std::string json = dump_json(value);
  std::string out;
  out.reserve(json.size());
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char byte = json[at];
    if (byte == '<' || byte == '>' || byte == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(byte));
    } else if (json.compare(at, 3, "\xE2\x80\xA8") == 0 ||
               json.compare(at, 3, "\xE2\x80\xA9") == 0) {
      out += json[at + 2] == '\xA8' ? "\\u2028" : "\\u2029";
      at += 2;
    } else {
      out += byte;
    }
  }
  return out;
}

std::string csp_hash(std::string_view text) {
  const std::string hex = sha256_hex(text);
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string base64;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned block = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      block = (block << 8U) | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      base64 += i + j > bytes.size() ? '=' : kDigits[(block >> (18U - 6U * j)) & 0x3FU];
    }
  }
  return "'sha256-" + base64 + "'";
}

Table::Table(std::string caption, std::vector<std::string> heads)
    : caption_(std::move(caption)), heads_(std::move(heads)) {}

void Table::row(std::vector<std::string> cells) {
  TPT_CHECK(cells.size() == heads_.size());
  rows_.push_back(std::move(cells));
}

Html Table::html() const {
  Html html;
  html << "<div class=\"scroll\" tabindex=\"0\"><table><caption>"_html << caption_
       << "</caption><thead><tr>"_html;
  for (const std::string& head : heads_) {
    html << "<th scope=\"col\">"_html << head << "</th>"_html;
  }
  html << "</tr></thead><tbody>\n"_html;
  for (const std::vector<std::string>& cells : rows_) {
    html << "<tr><th scope=\"row\">"_html << cells[0] << "</th>"_html;
    for (std::size_t i = 1; i < cells.size(); ++i) {
      html << "<td>"_html << cells[i] << "</td>"_html;
    }
    html << "</tr>\n"_html;
  }
  html << "</tbody></table></div>\n"_html;
  return html;
}

}  // namespace tpt::report
