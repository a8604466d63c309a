#include "app/http_engines.h"

#include "base/error.h"
#include "base/log.h"
#include "engine/http_engine.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace tpt::app {
namespace {

// Endpoints that are asked for their model before it is given up; each may take its time.
constexpr std::size_t kAskedForModel = 16;

bool is_alive(engine::Failure failure) {
  switch (failure) {
    case engine::Failure::none:
    case engine::Failure::busy:
    // Some servers have no list of models, or keep it to themselves: requests will tell.
    case engine::Failure::refused:
    case engine::Failure::unauthorized:
      return true;
    default:
      return false;
  }
}

augment::Probe probe_of(const std::shared_ptr<engine::HttpEngine>& engine) {
  return [engine](std::function<void(bool, std::string)> tell) {
    engine->probe([tell = std::move(tell)](const engine::ModelListing& listing) {
      tell(is_alive(listing.failure), listing.error);
    });
  };
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

HttpEngines::HttpEngines(HttpEnginesConfig config, MakeLlama make_llama)
    : config_(std::move(config)), make_llama_(std::move(make_llama)) {
  config_.fleet.most_in_flight = config_.http.in_flight;
  present_ = listed(true);
  if (present_.empty()) {
    user_error("engine.url: got no endpoint, allowed: --url http://host:8000/v1 or --urls-file");
  }
  learn_model(present_);
  fleet_ = std::make_unique<augment::Fleet>(config_.fleet, members_of(present_), log_event);
  if (present_.size() > 1) log_info("{} endpoints", present_.size());
  follower_ = std::jthread([this](std::stop_token stop) { follow(std::move(stop)); });
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

// All endpoints are to serve one model: the one that is named, or what the first that answers has.
void HttpEngines::learn_model(const std::vector<EndpointEntry>& entries) {
  std::string first_error;
  std::size_t asked = 0;
  for (const EndpointEntry& entry : entries) {
    if (!config_.http.model.empty() || !entry.llama_file.empty() || asked == kAskedForModel) {
      continue;
    }
    ++asked;
    try {
      config_.http.model = engine::HttpEngine(client_, settings_of(entry)).model();
      return;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::remote) throw;
      if (first_error.empty()) first_error = error.what();
    }
  }
  if (asked > 0) {
    remote_error("no endpoint could be asked for its model, the first: {}; --served-model names it",
                 first_error);
  }
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
    if (!engine) engine = std::make_shared<engine::HttpEngine>(client_, settings_of(entry));
    spec.probe = probe_of(std::static_pointer_cast<engine::HttpEngine>(engine));
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
