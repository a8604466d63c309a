#include "app/augment_watch.h"

#include "app/terminal.h"
#include "base/error.h"
#include "base/log.h"

#include <algorithm>
#include <utility>

namespace tpt::app {
namespace {

constexpr std::chrono::milliseconds kLook{250};
constexpr std::chrono::seconds kSave{2};
constexpr std::chrono::seconds kTell{10};

engine::HttpServerConfig server_config(const std::string& address) {
  engine::HttpServerConfig config;
  config.listen = address;
  return config;
}

}  // namespace

AugmentWatch::AugmentWatch(const std::filesystem::path& folder, WatchOptions options,
                           Endpoints endpoints)
    : options_(std::move(options)),
      endpoints_(std::move(endpoints)),
      draws_(can_draw()),
      colour_(wants_colour()),
      ledger_(folder),
      moment_(std::make_shared<Moment>()) {
  if (!options_.metrics.empty()) {
    server_.emplace(server_config(options_.metrics),
                    [this](const engine::HttpServerRequest& request,
                           engine::HttpExchange& exchange) { serve(request, exchange); });
    log_info("metrics at {}", metrics_url());
  }
  if (draws_) set_log_output([this](std::string_view line) { message(line); });
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

AugmentWatch::~AugmentWatch() {
  try {
    end();
  } catch (const std::exception& problem) {
    log_warning("the account of the spend: {}", problem.what());
  }
}

std::string AugmentWatch::metrics_url() const { return server_ ? server_->url() + "/metrics" : ""; }

void AugmentWatch::on_status(const augment::JobStatus& status) {
  const std::lock_guard lock(status_mutex_);
  status_ = status;
}

std::shared_ptr<const AugmentWatch::Moment> AugmentWatch::moment() const {
  const std::lock_guard lock(moment_mutex_);
  return moment_;
}

void AugmentWatch::work(const std::stop_token& stop) {
  std::mutex nothing;
  while (!stop.stop_requested()) {
    look();
    draw(false);
    if (Clock::now() - saved_ >= kSave) save();
    std::unique_lock lock(nothing);
    status_changed_.wait_for(lock, stop, kLook, [] { return false; });
  }
}

void AugmentWatch::look() {
  auto now = std::make_shared<Moment>();
  {
    const std::lock_guard lock(status_mutex_);
    now->view.job = status_;
  }
  StatusView& view = now->view;
  augment::JobStatus& job = view.job;
  view.endpoints = endpoints_(job);
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  job.seconds = std::max(job.seconds, seconds);
  if (job.answer_tokens.count() > 0) job.seconds_left = time_left_.update(job);
  ledger_.update(seconds, view.endpoints);
  now->call = ledger_.this_call();
  now->run = ledger_.record();
  view.spend = augment::summarize(now->run, job);
  // Rows of the journal come at once and say nothing about the speed.
  rows_.add(seconds, static_cast<double>(job.rows_in - job.rows_from_journal));
  prompt_tokens_.add(seconds, static_cast<double>(now->call.prompt_tokens));
  generated_tokens_.add(seconds, static_cast<double>(now->call.generated_tokens));
  view.rows_per_second = rows_.rate();
  view.prompt_tokens_per_second = prompt_tokens_.rate();
  view.generated_tokens_per_second = generated_tokens_.rate();
  for (const augment::EndpointStatus& endpoint : view.endpoints) {
    RateMeter& meter = endpoint_tokens_[endpoint.name];
    meter.add(seconds, static_cast<double>(endpoint.generated_tokens));
    view.endpoint_tokens_per_second[endpoint.name] = meter.rate();
  }
  const std::lock_guard lock(moment_mutex_);
  moment_ = std::move(now);
}

void AugmentWatch::save() {
  saved_ = Clock::now();
  try {
    ledger_.save();
    problem_ = nullptr;
  } catch (const Error& error) {
    // Tried again the next time; what counts is whether the last one succeeds.
    if (!problem_) log_warning("cannot save the account of the spend: {}", error.what());
    problem_ = std::current_exception();
  }
}

void AugmentWatch::draw(bool last) {
  const auto now = moment();
  if (!draws_) {
    if (!last && Clock::now() - told_ < kTell) return;
    told_ = Clock::now();
    write_terminal(status_line(now->view) + "\n");
    return;
  }
  const std::lock_guard lock(screen_mutex_);
  table_size_ = screen_size();
  table_ = status_table(now->view, table_size_, colour_);
  write_terminal(painter_.show(table_, table_size_));
}

void AugmentWatch::message(std::string_view line) {
  const std::lock_guard lock(screen_mutex_);
  // In two steps: the operands of a + may be worked out in any order.
  std::string bytes = painter_.print_above(line);
  bytes += painter_.show(table_, table_size_);
  write_terminal(bytes);
}

void AugmentWatch::serve(const engine::HttpServerRequest& request,
                         engine::HttpExchange& exchange) const {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (!reads) {
    exchange.answer(405, "text/plain", "only GET\n", "Allow: GET, HEAD\r\n");
  } else if (request.path == "/metrics") {
    const auto now = moment();
    exchange.answer(200, augment::kMetricsContentType,
                    augment::metrics_text(now->view.job, now->view.endpoints, now->call, now->run,
                                          options_.build));
  } else if (request.path == "/") {
    exchange.answer(200, "text/plain", "tpt augment: see /metrics\n");
  } else {
    exchange.answer(404, "text/plain", "see /metrics\n");
  }
}

void AugmentWatch::end() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  look();
  draw(true);
  if (draws_) set_log_output({});
  if (server_) server_->stop();
  save();
  if (problem_) std::rethrow_exception(std::exchange(problem_, nullptr));
}

augment::SpendRecord AugmentWatch::finish() {
  end();
  ledger_.close();
  return ledger_.record();
}

}  // namespace tpt::app
