#include "app/http_engines.h"

#include "app/endpoint_pulse.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/http_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace tpt::app {
namespace {

// Endpoints that are asked for their model before it is given up; each may take its time.
constexpr std::size_t kAskedForModel = 16;

// Whether a server that answers so may yet come up.
bool is_passing(engine::Failure failure) {
  return failure != engine::Failure::refused && failure != engine::Failure::unauthorized;
}

void log_event(const augment::FleetEvent& event) {
  if (event.kind == augment::FleetEvent::Kind::down) {
    log_warning("{}", event.message);
  } else {
    log_info("{}", event.message);
  }
}

}  // namespace

void describe(Fields& fields, HttpEnginesConfig& config) {
  constexpr double kMostPrice = 1e6;
  fields.texts(
      "url", config.urls,
      "of a server, such as http://gpu-1:8000/v1; several make a fleet. After a blank: "
      "limit=N weight=W price_in=P price_out=P price_hour=P gpus=G; http+dns:// stands for all "
      "addresses of the name; llama:FILE.gguf runs in this process");
  fields.text("urls_file", config.urls_file,
              "a file with one url a line, read again when it changes");
  fields.flag("url_dns", config.url_dns, "every url stands for all addresses of its name");
  fields.number("urls_refresh_seconds", config.urls_refresh_seconds,
                "look so often whether the file or the addresses have changed", 0.05, 86400);
  fields.number("price_per_million_prompt_tokens", config.price_per_million_prompt_tokens,
                "in your currency, where a url says nothing", 0, kMostPrice);
  fields.number("price_per_million_generated_tokens", config.price_per_million_generated_tokens,
                "in your currency, where a url says nothing", 0, kMostPrice);
  fields.number("price_per_hour", config.price_per_hour,
                "of an endpoint while it has work, where a url says nothing", 0, kMostPrice);
  fields.number("gpus_per_endpoint", config.gpus_per_endpoint,
                "for the account of GPU-hours, where a url says nothing; 0 where tokens are paid",
                0, kMostPrice);
  describe(fields, config.http);
  describe(fields, config.fleet);
}

void leave_out_http(Json& record, const HttpEnginesConfig& config, bool all) {
  constexpr std::array kShaping = {"served_model", "model_revision", "api",
                                   "prefill",      "take",           "extra_body"};
  HttpEnginesConfig copy = config;
  Fields fields("engine");
  describe(fields, copy);
  for (const Field& field : fields.all()) {
    const bool shaping = std::find(kShaping.begin(), kShaping.end(), field.name) != kShaping.end();
    if (all || !shaping) record.erase(field.name);
  }
}

HttpEngines::HttpEngines(HttpEnginesConfig config, MakeLlama make_llama,
                         const std::stop_token& stop)
    : config_(std::move(config)),
      make_llama_(std::move(make_llama)),
      is_model_learned_(config_.http.model.empty()) {
  config_.fleet.most_in_flight = config_.http.in_flight;
  if (config_.urls.empty() && config_.urls_file.empty()) {
    user_error("engine.url: got no endpoint, allowed: --url http://host:8000/v1 or --urls-file");
  }
  wait_for_endpoints(stop);
  fleet_ = std::make_unique<augment::Fleet>(config_.fleet, members_of(present_), log_event);
  if (present_.size() > 1) log_info("{} endpoints", present_.size());
  follower_ = std::jthread([this](std::stop_token ended) { follow(std::move(ended)); });
}

HttpEngines::~HttpEngines() {
  follower_.request_stop();
  if (follower_.joinable()) follower_.join();
  fleet_.reset();
}

void HttpEngines::submit(engine::Request request, Done done) {
  // Only engines that follow a rule read it, and each attempt would copy it.
  request.document.clear();
  fleet_->submit(std::move(request), std::move(done));
}

std::vector<EndpointEntry> HttpEngines::given() const {
  std::vector<EndpointEntry> entries;
  for (const std::string& url : config_.urls) entries.push_back(parse_endpoint(url, "engine.url"));
  return entries;
}

// The endpoints as the options, the file and the names say now. While running whatever cannot be
// read or resolved stays as it was.
std::vector<EndpointEntry> HttpEngines::listed(bool starting) {
  std::vector<std::string> wrong;
  if (!config_.urls_file.empty()) {
    try {
      EndpointFile file = read_endpoint_file(config_.urls_file);
      wrong = std::move(file.bad_lines);
      if (starting || !file.entries.empty()) {
        file_entries_ = std::move(file.entries);
      } else {
        wrong.push_back(config_.urls_file + ": names no endpoint; the present ones stay");
      }
    } catch (const Error& error) {
      if (starting) throw;
      wrong.push_back(std::string(error.what()) + "; the present endpoints stay");
    }
  }
  std::vector<EndpointEntry> all = given();
  all.insert(all.end(), file_entries_.begin(), file_entries_.end());
  std::vector<EndpointEntry> entries;
  for (EndpointEntry& entry : all) {
    entry.dns = entry.dns || (config_.url_dns && entry.llama_file.empty());
    if (!entry.dns) {
      entries.push_back(entry);
      continue;
    }
    std::vector<EndpointEntry> addresses = resolve_names({entry}, wrong);
    std::vector<EndpointEntry>& known = resolved_[entry.url];
    if (!addresses.empty()) known = std::move(addresses);
    entries.insert(entries.end(), known.begin(), known.end());
  }
  std::vector<std::string> doubled;
  entries = without_doubles(std::move(entries), doubled);
  for (const std::string& name : doubled) wrong.push_back(name + " is named twice");
  complain(wrong);
  return entries;
}

void HttpEngines::complain(const std::vector<std::string>& messages) {
  for (const std::string& message : messages) {
    if (std::find(complaints_.begin(), complaints_.end(), message) == complaints_.end()) {
      log_warning("{}", message);
    }
  }
  complaints_ = messages;
}

engine::HttpConfig HttpEngines::settings_of(const EndpointEntry& entry) const {
  engine::HttpConfig settings = config_.http;
  settings.url = entry.url;
  settings.address = entry.address;
  return settings;
}

// Servers load their models for minutes, and names have no address before that.
void HttpEngines::wait_for_endpoints(const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPause{1000};
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(config_.fleet.patience_seconds));
  std::string told;
  std::mutex mutex;
  std::condition_variable_any stopped;
  for (;;) {
    present_ = listed(told.empty());
    const std::string trouble = missing();
    if (trouble.empty()) return;
    if (Clock::now() >= deadline) {
      remote_error("{} (waited {} s: patience_seconds)", trouble, config_.fleet.patience_seconds);
    }
    if (told != trouble) {
      log_warning("{}; waiting for up to {} s (patience_seconds)", trouble,
                  config_.fleet.patience_seconds);
    }
    told = trouble;
    std::unique_lock lock(mutex);
    stopped.wait_until(lock, stop, std::min(deadline, Clock::now() + kPause), [] { return false; });
    if (stop.stop_requested()) throw Interrupted("stopped before an endpoint was there");
  }
}

std::string HttpEngines::missing() {
  if (present_.empty()) return "there is no endpoint yet";
  std::string trouble;
  return learn_model(trouble) ? "" : trouble;
}

// All endpoints are to serve one model: the one that is named, or what the first that answers has.
// False where one may yet come up that says it.
bool HttpEngines::learn_model(std::string& trouble) {
  std::size_t asked = 0;
  bool may_come = false;
  for (const EndpointEntry& entry : present_) {
    if (!config_.http.model.empty()) return true;
    if (!entry.llama_file.empty() || asked == kAskedForModel) continue;
    ++asked;
    engine::HttpConfig settings = settings_of(entry);
    settings.model = "not known yet";
    engine::HttpEngine engine(client_, std::move(settings));
    const engine::ModelListing listing = engine.list();
    if (listing.failure == engine::Failure::none) {
      config_.http.model = engine.only_model(listing);
      context_tokens_ = listing.models.front().max_tokens;
      return true;
    }
    may_come = may_come || is_passing(listing.failure);
    if (trouble.empty()) {
      trouble = fmt::format(
          "no endpoint could be asked for its model, the first: {}; --served-model names it",
          listing.error);
    }
  }
  if (asked == 0) return true;
  if (!may_come) remote_error("{}", trouble);
  return false;
}

// Where a fleet may have several, each endpoint's own.
std::string HttpEngines::model_of(const EndpointEntry& entry) {
  if (!is_model_learned_ || !config_.fleet.allow_mixed_models) return config_.http.model;
  engine::HttpEngine engine(client_, settings_of(entry));
  const engine::ModelListing listing = engine.list();
  return listing.failure == engine::Failure::none ? engine.only_model(listing) : config_.http.model;
}

augment::MemberSpec HttpEngines::member_of(const EndpointEntry& entry) {
  augment::MemberSpec spec;
  spec.name = entry.name;
  spec.weight = entry.weight;
  spec.most_in_flight = entry.limit;
  spec.price_per_million_prompt_tokens =
      entry.price_in.value_or(config_.price_per_million_prompt_tokens);
  spec.price_per_million_generated_tokens =
      entry.price_out.value_or(config_.price_per_million_generated_tokens);
  spec.price_per_hour = entry.price_hour.value_or(config_.price_per_hour);
  spec.gpus = entry.gpus.value_or(config_.gpus_per_endpoint);
  std::shared_ptr<engine::Engine>& engine = engines_[entry.name];
  if (!entry.llama_file.empty()) {
    if (!engine) engine = make_llama_(entry.llama_file);
    // More would wait in line here while servers have room.
    spec.start_in_flight = engine->capacity();
    spec.most_in_flight = entry.limit > 0 ? entry.limit : engine->capacity();
  } else {
    if (!engine) {
      engine::HttpConfig settings = settings_of(entry);
      settings.model = model_of(entry);
      engine = std::make_shared<engine::HttpEngine>(client_, std::move(settings));
    }
    spec.probe = probe_of(std::static_pointer_cast<engine::HttpEngine>(engine), is_model_learned_);
  }
  spec.engine = engine;
  return spec;
}

std::vector<augment::MemberSpec> HttpEngines::members_of(
    const std::vector<EndpointEntry>& entries) {
  std::vector<augment::MemberSpec> members;
  for (const EndpointEntry& entry : entries) members.push_back(member_of(entry));
  return members;
}

void HttpEngines::follow(std::stop_token stop) {
  const bool changes = !config_.urls_file.empty() || !resolved_.empty();
  std::unique_lock lock(mutex_);
  while (changes && !stop.stop_requested()) {
    ended_.wait_for(lock, stop, std::chrono::duration<double>(config_.urls_refresh_seconds),
                    [] { return false; });
    if (!stop.stop_requested()) refresh();
  }
}

void HttpEngines::refresh() {
  std::vector<EndpointEntry> entries = listed(false);
  if (entries == present_ || entries.empty()) return;
  try {
    fleet_->set_members(members_of(entries));
    present_ = std::move(entries);
  } catch (const Error& error) {
    complain({std::string(error.what()) + "; the present endpoints stay"});
  }
  std::erase_if(engines_, [this](const auto& engine) {
    return std::none_of(present_.begin(), present_.end(),
                        [&](const EndpointEntry& entry) { return entry.name == engine.first; });
  });
}

}  // namespace tpt::app
