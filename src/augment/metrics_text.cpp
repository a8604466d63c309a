#include "augment/metrics_text.h"

#include "augment/figure_text.h"
#include "base/utf8.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace tpt::augment {
namespace {

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

std::string escaped(std::string_view value) {
  std::string text;
  for (const char letter : valid_utf8(value)) {
    if (letter == '\\') {
      text += "\\\\";
    } else if (letter == '"') {
      text += "\\\"";
    } else if (letter == '\n') {
      text += "\\n";
    } else {
      text += letter;
    }
  }
  return text;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}
std::string number(std::int64_t value) { return fmt::format("{}", value); }

// The lines of one scrape. A family's samples have to stand together, under its type.
class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename Value>
  void sample(const Labels& labels, Value value, std::string_view suffix = "") {
    text_ += name_;
    text_ += suffix;
    char before = '{';
    for (const auto& [label, content] : labels) {
      text_ += before;
      text_ += fmt::format("{}=\"{}\"", label, escaped(content));
      before = ',';
    }
    text_ += labels.empty() ? " " : "} ";
    text_ += number(value);
    text_ += '\n';
  }
  template <typename Value>
  void single(std::string_view name, std::string_view type, std::string_view help, Value value) {
    family(name, type, help);
    sample({}, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

void add_counts(Page& page, std::string_view name, std::string_view label, std::string_view help,
                const std::map<std::string, std::int64_t>& counts) {
  page.family(name, "counter", help);
  for (const auto& [value, count] : counts) page.sample({{label, value}}, count);
}

void add_rows(Page& page, const JobStatus& job) {
  page.family("tpt_augment_rows_total", "counter", "Rows that are settled, by how they ended.");
  page.sample({{"outcome", "written"}}, job.rows_written);
  page.sample({{"outcome", "rejected"}}, job.rows_rejected);
  page.sample({{"outcome", "failed"}}, job.rows_failed);
  add_counts(page, "tpt_augment_rows_rejected_total", "reason", "Rows rejected by the gate.",
             job.rejected_by_reason);
  add_counts(page, "tpt_augment_rows_finished_total", "finish", "Rows by how the generation ended.",
             job.finished_by);
  page.single("tpt_augment_rows_from_journal_total", "counter",
              "Rows whose answer an earlier call had paid for.", job.rows_from_journal);
  page.single("tpt_augment_documents_read_total", "counter", "Documents read from the corpus.",
              job.documents_read);
  if (job.documents_total > 0) {
    page.single("tpt_augment_documents", "gauge", "Documents of the corpus.", job.documents_total);
  }
  page.single("tpt_augment_in_flight", "gauge", "Requests asked and not yet journaled.",
              job.in_flight);
  page.family("tpt_augment_row_tokens_total", "counter",
              "Generated tokens of settled rows, by what became of the row.");
  page.sample({{"fate", "kept"}}, job.thinking_tokens - job.rejected_tokens);
  page.sample({{"fate", "rejected"}}, job.rejected_tokens);
  page.single("tpt_augment_saved_tokens_total", "counter",
              "Tokens not generated because a loop was stopped.", job.saved_tokens);
  page.single("tpt_augment_seconds", "gauge", "Wall time of this call.", job.seconds);
  if (job.seconds_left >= 0) {
    page.single("tpt_augment_seconds_left", "gauge", "Time to the end, with the tail.",
                job.seconds_left);
  }
}

void add_tokens(Page& page, const Labels& labels, const Spend& spend) {
  const auto with = [&](std::string_view direction, std::string_view fate) {
    Labels all = labels;
    all.emplace_back("direction", direction);
    all.emplace_back("fate", fate);
    return all;
  };
  page.sample(with("prompt", "used"), spend.prompt_tokens - spend.wasted_prompt_tokens);
  page.sample(with("prompt", "wasted"), spend.wasted_prompt_tokens);
  page.sample(with("generated", "used"), spend.generated_tokens - spend.wasted_generated_tokens);
  page.sample(with("generated", "wasted"), spend.wasted_generated_tokens);
}

void add_spend(Page& page, const Spend& call, const SpendRecord& run) {
  page.family("tpt_augment_tokens_total", "counter",
              "Tokens of every attempt; wasted are those whose answer was not used.");
  add_tokens(page, {}, call);
  page.single("tpt_augment_gpu_seconds_total", "counter", "GPU-seconds of busy endpoints.",
              call.gpu_seconds);
  page.single("tpt_augment_money_total", "counter", "Money, where prices are known.", call.money);
  const Spend all = total(run.endpoints);
  page.single("tpt_run_calls", "gauge", "Calls that this run took so far.", run.calls);
  page.single("tpt_run_seconds", "gauge", "Wall time of all calls.", run.seconds);
  page.single("tpt_run_gpu_seconds", "gauge", "GPU-seconds of all calls.", all.gpu_seconds);
  page.single("tpt_run_money", "gauge", "Money of all calls, where prices are known.", all.money);
  page.family("tpt_run_tokens", "gauge", "Tokens of every attempt of all calls.");
  add_tokens(page, {}, all);
}

// Names as they are shown, each once: two series of one name would spoil the whole scrape.
std::vector<std::string> shown_names(const std::vector<EndpointStatus>& endpoints) {
  std::vector<std::string> names;
  std::set<std::string> used;
  for (const EndpointStatus& endpoint : endpoints) {
    const std::string name = valid_utf8(without_secrets(endpoint.name));
    std::string unique = name;
    for (int copy = 2; !used.insert(unique).second; ++copy) {
      unique = fmt::format("{} #{}", name, copy);
    }
    names.push_back(std::move(unique));
  }
  return names;
}

void add_latency(Page& page, const std::vector<EndpointStatus>& endpoints) {
  std::array<std::int64_t, kAnswerSeconds.size() + 1> within{};
  double seconds = 0;
  for (const EndpointStatus& endpoint : endpoints) {
    for (std::size_t i = 0; i < within.size(); ++i) within.at(i) += endpoint.answers_within.at(i);
    seconds += endpoint.answer_seconds;
  }
  page.family("tpt_request_seconds", "histogram",
              "From sending to the end of the answers that were used, endpoints of now.");
  std::int64_t count = 0;
  for (std::size_t i = 0; i < kAnswerSeconds.size(); ++i) {
    count += within.at(i);
    page.sample({{"le", number(kAnswerSeconds.at(i))}}, count, "_bucket");
  }
  count += within.back();
  page.sample({{"le", "+Inf"}}, count, "_bucket");
  page.sample({}, seconds, "_sum");
  page.sample({}, count, "_count");
}

class EndpointPages {
 public:
  EndpointPages(Page& page, const std::vector<EndpointStatus>& endpoints)
      : page_(page), endpoints_(endpoints), names_(shown_names(endpoints)) {}

  // `add(name, endpoint)` for each, under one family.
  template <typename Add>
  void each(std::string_view family, std::string_view type, std::string_view help, Add add) {
    page_.family(family, type, help);
    for (std::size_t i = 0; i < endpoints_.size(); ++i) add(names_[i], endpoints_[i]);
  }
  template <typename Value>
  void value(std::string_view family, std::string_view type, std::string_view help,
             Value EndpointStatus::* member) {
    each(family, type, help, [&](const std::string& name, const EndpointStatus& endpoint) {
      page_.sample({{"endpoint", name}}, endpoint.*member);
    });
  }

 private:
  Page& page_;
  const std::vector<EndpointStatus>& endpoints_;
  std::vector<std::string> names_;
};

void add_endpoints(Page& page, const std::vector<EndpointStatus>& endpoints) {
  std::map<std::string, std::int64_t> states;
  for (const EndpointStatus& endpoint : endpoints) ++states[endpoint.state];
  page.family("tpt_endpoints", "gauge", "Endpoints by state.");
  for (const auto& [state, count] : states) page.sample({{"state", state}}, count);

  EndpointPages pages(page, endpoints);
  pages.each("tpt_endpoint_up", "gauge", "1 while it is given work.",
             [&](const std::string& name, const EndpointStatus& endpoint) {
               page.sample({{"endpoint", name}}, std::int64_t{endpoint.state == "up" ? 1 : 0});
             });
  pages.value("tpt_endpoint_in_flight", "gauge", "Requests it is working on.",
              &EndpointStatus::in_flight);
  pages.value("tpt_endpoint_limit", "gauge", "Requests it may be given at once.",
              &EndpointStatus::limit);
  pages.value("tpt_endpoint_outstanding_tokens", "gauge", "Predicted for what is in flight.",
              &EndpointStatus::outstanding_tokens);
  pages.value("tpt_endpoint_sent_total", "counter", "Requests sent, every attempt.",
              &EndpointStatus::requests);
  pages.each("tpt_endpoint_requests_total", "counter", "Requests that ended, by how.",
             [&](const std::string& name, const EndpointStatus& endpoint) {
               page.sample({{"endpoint", name}, {"result", "answered"}}, endpoint.answers);
               for (const auto& [failure, count] : endpoint.failures) {
                 if (failure == "answered") continue;
                 page.sample({{"endpoint", name}, {"result", failure}}, count);
               }
             });
  pages.value("tpt_endpoint_retries_total", "counter", "Attempts after the first.",
              &EndpointStatus::retries);
  pages.value("tpt_endpoint_hedges_total", "counter", "Second copies of stragglers sent to it.",
              &EndpointStatus::hedges);
  pages.each("tpt_endpoint_tokens_total", "counter", "Tokens of every attempt.",
             [&](const std::string& name, const EndpointStatus& endpoint) {
               add_tokens(page, {{"endpoint", name}}, spend_of(endpoint));
             });
  pages.value("tpt_endpoint_busy_seconds_total", "counter", "During which it had work.",
              &EndpointStatus::busy_seconds);
  pages.value("tpt_endpoint_gpu_seconds_total", "counter", "Busy seconds times its GPUs.",
              &EndpointStatus::gpu_seconds);
  pages.value("tpt_endpoint_money_total", "counter", "Money, where its price is known.",
              &EndpointStatus::spent);
}

}  // namespace

std::string metrics_text(const JobStatus& job, const std::vector<EndpointStatus>& endpoints,
                         const Spend& call, const SpendRecord& run, const BuildInfo& build) {
  Page page;
  page.family("tpt_build_info", "gauge", "1; the labels name this build.");
  page.sample({{"version", build.version}, {"commit", build.commit}}, std::int64_t{1});
  add_rows(page, job);
  add_spend(page, call, run);
  add_latency(page, endpoints);
  add_endpoints(page, endpoints);
  return page.take();
}

}  // namespace tpt::augment
