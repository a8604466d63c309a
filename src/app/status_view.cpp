#include "app/status_view.h"

#include "augment/figure_text.h"
#include "augment/time_left.h"
#include "base/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

namespace tpt::app {
namespace {

using augment::duration_text;
using augment::EndpointStatus;
using augment::grouped;
using augment::JobStatus;
using augment::share_text;
using augment::short_count;

enum class Style { plain, bold, dim, good, warn, bad };

struct Piece {
  std::string text;
  Style style = Style::plain;
};
using Line = std::vector<Piece>;

std::string_view sequence(Style style) {
  switch (style) {
    case Style::bold:
      return "\033[1m";
    case Style::dim:
      return "\033[2m";
    case Style::good:
      return "\033[32m";
    case Style::warn:
      return "\033[33m";
    case Style::bad:
      return "\033[31m";
    case Style::plain:
      return "";
  }
  return "";
}

// The line as bytes, cut to `width` characters.
std::string painted(const Line& line, std::size_t width, bool colour) {
  std::string bytes;
  for (const Piece& piece : line) {
    const std::string text = piece.text.substr(0, width);
    width -= text.size();
    const std::string_view on = colour && !text.empty() ? sequence(piece.style) : "";
    bytes += on;
    bytes += text;
    if (!on.empty()) bytes += "\033[0m";
  }
  return bytes;
}

// One printing character for every code point: names come from files and from the network.
std::string printable(std::string_view text) {
  std::string shown;
  for (const char letter : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x20 && byte < 0x7F) {
      shown += letter;
    } else if (byte < 0x80 || byte >= 0xC0) {
      shown += '?';
    }
  }
  return shown;
}

// The name in its column, without "http://".
std::string endpoint_name(const EndpointStatus& endpoint) {
  const std::string name = printable(augment::without_secrets(endpoint.name));
  const std::size_t scheme = name.find("://");
  return scheme == std::string::npos ? name : name.substr(scheme + 3);
}

// The middle is left out of what is too long: both ends of a URL tell endpoints apart.
std::string elided(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  if (width < 8) return text.substr(0, width);
  const std::size_t tail = (width - 3) / 2;
  return text.substr(0, width - 3 - tail) + "..." + text.substr(text.size() - tail);
}

// As many of the parts as fit, in their order; one that does not is left out.
Line fitted(const std::string& label, const std::vector<Piece>& parts, std::size_t width) {
  Line line = {{fmt::format("{:<9}", label), Style::dim}};
  std::size_t used = line[0].text.size();
  for (const Piece& part : parts) {
    const std::size_t gap = line.size() > 1 ? 2 : 0;
    if (part.text.empty() || used + gap + part.text.size() > width) continue;
    line.push_back({std::string(gap, ' '), Style::plain});
    line.push_back(part);
    used += gap + part.text.size();
  }
  return line;
}

std::string done_text(const JobStatus& job) {
  const double expected = augment::rows_expected(job);
  if (expected <= 0) return grouped(job.rows_in) + " rows";
  const double share = std::min(1.0, static_cast<double>(job.rows_in) / expected);
  return fmt::format("{} of {} rows {:.1f} %", grouped(job.rows_in),
                     grouped(static_cast<std::int64_t>(expected + 0.5)), share * 100);
}

std::string left_text(const JobStatus& job) {
  return job.seconds_left < 0 ? "" : duration_text(job.seconds_left) + " left";
}

std::string rate_text(double rate, const char* unit) {
  return fmt::format("{} {}/s", rate < 99.5 ? fmt::format("{:.1f}", rate) : short_count(rate),
                     unit);
}

std::string bar_text(const JobStatus& job, std::size_t width) {
  const double expected = augment::rows_expected(job);
  if (expected <= 0 || width < 12) return "";
  const double share = std::min(1.0, static_cast<double>(job.rows_in) / expected);
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width - 2));
  return "[" + std::string(full, '#') + std::string(width - 2 - full, '-') + "]";
}

std::vector<Piece> by_count(const std::map<std::string, std::int64_t>& counts) {
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& left, const auto& right) { return left.second > right.second; });
  std::vector<Piece> parts;
  for (const auto& [name, count] : sorted) {
    parts.push_back({grouped(count) + " " + printable(name)});
  }
  return parts;
}

std::vector<Piece> spend_parts(const augment::SpendSummary& spend) {
  std::vector<Piece> parts;
  if (spend.money > 0) {
    parts.push_back({augment::money_text(spend.money) + " money"});
    parts.push_back({augment::money_text(spend.money_per_million_kept) + " a million kept"});
  }
  if (spend.gpu_hours > 0) parts.push_back({fmt::format("{:.2f} GPU-hours", spend.gpu_hours)});
  parts.push_back({short_count(static_cast<double>(spend.generated_tokens)) + " generated"});
  parts.push_back({short_count(static_cast<double>(spend.kept_tokens)) + " kept"});
  return parts;
}

std::int64_t errors_of(const EndpointStatus& endpoint) {
  std::int64_t errors = 0;
  for (const auto& [name, count] : endpoint.failures) errors += count;
  return errors;
}

Style style_of(std::string_view state) {
  if (state == "up") return Style::good;
  return state == "down" ? Style::bad : Style::warn;
}

int rank_of(std::string_view state) {
  if (state == "down") return 0;
  if (state == "probing") return 1;
  return state == "up" ? 3 : 2;
}

// Sums of a part of the fleet.
struct FleetSum {
  std::map<std::string, std::int64_t> states;
  std::int64_t in_flight = 0;
  std::int64_t limit = 0;
  std::int64_t errors = 0;
  double tokens_per_second = 0;
};

double tokens_per_second(const StatusView& view, const EndpointStatus& endpoint) {
  const auto found = view.endpoint_tokens_per_second.find(endpoint.name);
  return found == view.endpoint_tokens_per_second.end() ? 0 : found->second;
}

FleetSum sum_of(const StatusView& view, const std::vector<const EndpointStatus*>& endpoints) {
  FleetSum sum;
  for (const EndpointStatus* endpoint : endpoints) {
    ++sum.states[endpoint->state];
    sum.in_flight += endpoint->in_flight;
    sum.limit += endpoint->limit;
    sum.errors += errors_of(*endpoint);
    sum.tokens_per_second += tokens_per_second(view, *endpoint);
  }
  return sum;
}

std::vector<Piece> state_parts(const FleetSum& sum) {
  std::vector<Piece> parts;
  for (const auto& [state, count] : sum.states) {
    parts.push_back({fmt::format("{} {}", grouped(count), printable(state)), style_of(state)});
  }
  return parts;
}

// The worst first: down, then those that fail most, then the slowest.
std::vector<const EndpointStatus*> worst_first(const StatusView& view,
                                               std::vector<const EndpointStatus*> endpoints) {
  const auto key = [&](const EndpointStatus* endpoint) {
    return std::make_tuple(rank_of(endpoint->state), -errors_of(*endpoint),
                           tokens_per_second(view, *endpoint));
  };
  std::stable_sort(endpoints.begin(), endpoints.end(),
                   [&](const auto* left, const auto* right) { return key(left) < key(right); });
  return endpoints;
}

constexpr std::size_t kStateWidth = 8;
constexpr std::size_t kFlightWidth = 13;
constexpr std::size_t kRateWidth = 9;

Line endpoint_line(const std::string& name, const Piece& state, const std::string& flight,
                   const std::string& rate, const std::string& errors, std::size_t width) {
  const bool wide = width >= 64;
  const std::size_t errors_width = wide ? 8 : 6;
  const std::size_t figures =
      kStateWidth + errors_width + 1 + kRateWidth + (wide ? kFlightWidth : 0);
  const std::size_t room = width > figures + 4 ? width - figures : 4;
  Line line = {
      {fmt::format("{:<{}} ", elided(name, room - 1), room - 1)},
      {fmt::format("{:<{}}", state.text.substr(0, kStateWidth), kStateWidth), state.style}};
  if (wide) line.push_back({fmt::format("{:>{}}", flight, kFlightWidth)});
  line.push_back({fmt::format("{:>{}}", rate, kRateWidth)});
  line.push_back({fmt::format(" {:>{}}", errors, errors_width)});
  return line;
}

// The endpoints in at most `room` lines, with a line of names above.
std::vector<Line> endpoint_lines(const StatusView& view, std::size_t width, std::size_t room) {
  std::vector<Line> lines;
  if (view.endpoints.empty() || room < 2) return lines;
  lines.push_back(
      endpoint_line("endpoint", {"state", Style::dim}, "in flight", "tokens/s", "errors", width));
  for (Piece& piece : lines.back()) piece.style = Style::dim;
  std::vector<const EndpointStatus*> shown;
  for (const EndpointStatus& endpoint : view.endpoints) shown.push_back(&endpoint);
  std::vector<const EndpointStatus*> rest;
  if (shown.size() > room - 1) {
    shown = worst_first(view, std::move(shown));
    rest.assign(shown.begin() + static_cast<std::ptrdiff_t>(room - 2), shown.end());
    shown.resize(room - 2);
  }
  for (const EndpointStatus* endpoint : shown) {
    lines.push_back(endpoint_line(endpoint_name(*endpoint),
                                  {printable(endpoint->state), style_of(endpoint->state)},
                                  fmt::format("{}/{}", endpoint->in_flight, endpoint->limit),
                                  short_count(tokens_per_second(view, *endpoint)),
                                  short_count(static_cast<double>(errors_of(*endpoint))), width));
  }
  if (!rest.empty()) {
    const FleetSum sum = sum_of(view, rest);
    const auto up = sum.states.find("up");
    const std::int64_t up_count = up == sum.states.end() ? 0 : up->second;
    lines.push_back(endpoint_line(
        fmt::format("{} more", grouped(static_cast<std::int64_t>(rest.size()))),
        {fmt::format("{} up", up_count), Style::plain},
        fmt::format("{}/{}", short_count(static_cast<double>(sum.in_flight)),
                    short_count(static_cast<double>(sum.limit))),
        short_count(sum.tokens_per_second), short_count(static_cast<double>(sum.errors)), width));
  }
  return lines;
}

std::vector<Piece> row_parts(const JobStatus& job) {
  return {{grouped(job.rows_written) + " written"},
          {grouped(job.rows_rejected) + " rejected"},
          {grouped(job.rows_failed) + " failed", job.rows_failed > 0 ? Style::bad : Style::plain},
          {grouped(job.in_flight) + " in flight"},
          {job.rows_from_journal > 0 ? grouped(job.rows_from_journal) + " from journal" : ""}};
}

std::vector<Piece> token_parts(const StatusView& view) {
  return {{rate_text(view.generated_tokens_per_second, "out")},
          {rate_text(view.prompt_tokens_per_second, "in")},
          {share_text(view.spend.wasted_share) + " wasted",
           view.spend.wasted_share > 0.1 ? Style::warn : Style::plain},
          {short_count(static_cast<double>(view.spend.saved_tokens)) + " saved"}};
}

std::vector<const EndpointStatus*> all_of(const std::vector<EndpointStatus>& endpoints) {
  std::vector<const EndpointStatus*> all;
  for (const EndpointStatus& endpoint : endpoints) all.push_back(&endpoint);
  return all;
}

}  // namespace

std::vector<std::string> status_table(const StatusView& view, ScreenSize size, bool colour) {
  const std::size_t width = std::max<std::size_t>(size.columns, 2) - 1;
  const std::size_t most = std::max<std::size_t>(size.rows, 2) - 1;
  const JobStatus& job = view.job;
  std::vector<Line> lines;
  lines.push_back(fitted("augment",
                         {{done_text(job), Style::bold},
                          {left_text(job), Style::bold},
                          {rate_text(view.rows_per_second, "rows")},
                          {duration_text(job.seconds) + " so far"}},
                         width));
  if (most >= 12 && !bar_text(job, width).empty()) lines.push_back({{bar_text(job, width)}});
  lines.push_back(fitted("tokens", token_parts(view), width));
  lines.push_back(fitted("rows", row_parts(job), width));
  if (!job.rejected_by_reason.empty() && most >= 12) {
    lines.push_back(fitted("rejected", by_count(job.rejected_by_reason), width));
  }
  lines.push_back(fitted("spend", spend_parts(view.spend), width));
  if (view.endpoints.size() > 1) {
    const FleetSum sum = sum_of(view, all_of(view.endpoints));
    std::vector<Piece> parts = state_parts(sum);
    parts.push_back(
        {fmt::format("{} of {} in flight", grouped(sum.in_flight), grouped(sum.limit))});
    if (sum.errors > 0) parts.push_back({grouped(sum.errors) + " errors"});
    lines.push_back(fitted("fleet", parts, width));
  }
  if (lines.size() < most) {
    for (Line& line : endpoint_lines(view, width, most - lines.size())) {
      lines.push_back(std::move(line));
    }
  }
  lines.resize(std::min(lines.size(), most));
  std::vector<std::string> bytes;
  for (const Line& line : lines) bytes.push_back(painted(line, width, colour));
  return bytes;
}

std::string status_line(const StatusView& view) {
  const JobStatus& job = view.job;
  std::string line = fmt::format(
      "augment  {}  {}  {}  {} written  {} rejected  {} failed  {} wasted", done_text(job),
      rate_text(view.rows_per_second, "rows"),
      rate_text(view.generated_tokens_per_second, "tokens"), grouped(job.rows_written),
      grouped(job.rows_rejected), grouped(job.rows_failed), share_text(view.spend.wasted_share));
  if (view.spend.money > 0)
    line += fmt::format("  {} money", augment::money_text(view.spend.money));
  if (view.endpoints.size() > 1) {
    const auto up = std::count_if(view.endpoints.begin(), view.endpoints.end(),
                                  [](const auto& endpoint) { return endpoint.state == "up"; });
    line += fmt::format("  {} of {} endpoints up", up, view.endpoints.size());
  }
  if (!left_text(job).empty()) line += "  " + left_text(job);
  return line;
}

}  // namespace tpt::app
