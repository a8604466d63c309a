// Looks after a run that thinks: shows it to the person who waits, serves its metrics, and keeps
// its account of what it spends. All of that in a thread of its own, from copies of the job's
// status.
#pragma once

#include "app/rate_meter.h"
#include "app/screen_painter.h"
#include "app/status_view.h"
#include "augment/metrics_text.h"
#include "augment/spend.h"
#include "augment/status.h"
#include "augment/time_left.h"
#include "engine/http_server.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace tpt::app {

struct WatchOptions {
  std::string metrics;  // "HOST:PORT" or ":PORT" to serve them at; "": nowhere
  augment::BuildInfo build;
};

class AugmentWatch {
 public:
  // Called from the watch's thread, and must be quick.
  using Endpoints = std::function<std::vector<augment::EndpointStatus>(const augment::JobStatus&)>;

  // Error(user) for an address that cannot be listened on; Error(io) where the account in `folder`
  // cannot be read.
  AugmentWatch(const std::filesystem::path& folder, WatchOptions options, Endpoints endpoints);
  // Shows the last state and saves the account; whatever goes wrong is logged.
  ~AugmentWatch();
  AugmentWatch(const AugmentWatch&) = delete;
  AugmentWatch& operator=(const AugmentWatch&) = delete;

  // The state of the job; from one thread at a time. Cheap: it is copied, and looked at later.
  void on_status(const augment::JobStatus& status);
  // The end of a run that did its work: shows it, saves the account, ends the thread, and gives
  // what all calls have spent. Error(io) where the account could not be saved.
  augment::SpendRecord finish();
  // Where the metrics are served: "http://127.0.0.1:9464/metrics"; "" where they are not.
  std::string metrics_url() const;

 private:
  using Clock = std::chrono::steady_clock;
  // All that is known at one moment; shared with the server's thread.
  struct Moment {
    StatusView view;
    augment::Spend call;
    augment::SpendRecord run;
  };

  void work(const std::stop_token& stop);
  void end();
  void look();
  void save();
  void draw(bool last);
  void message(std::string_view line);
  void serve(const engine::HttpServerRequest& request, engine::HttpExchange& exchange) const;
  std::shared_ptr<const Moment> moment() const;

  WatchOptions options_;
  Endpoints endpoints_;
  const bool draws_;
  const bool colour_;
  const Clock::time_point started_ = Clock::now();

  std::mutex status_mutex_;
  std::condition_variable_any status_changed_;
  augment::JobStatus status_;

  // Of the watch's thread alone.
  augment::SpendLedger ledger_;
  augment::TimeLeft time_left_;
  RateMeter rows_;
  RateMeter prompt_tokens_;
  RateMeter generated_tokens_;
  std::map<std::string, RateMeter> endpoint_tokens_;
  Clock::time_point saved_ = started_;
  Clock::time_point told_ = started_;
  std::exception_ptr problem_;

  mutable std::mutex moment_mutex_;
  std::shared_ptr<const Moment> moment_;

  std::mutex screen_mutex_;
  ScreenPainter painter_;
  std::vector<std::string> table_;
  ScreenSize table_size_;

  std::optional<engine::HttpServer> server_;
  std::jthread thread_;
};

}  // namespace tpt::app
