// The engine "http": servers named by URLs, in a file, or by DNS, together with models in this
// process, as one fleet that follows its list while it runs.
#pragma once

#include "app/endpoint_list.h"
#include "augment/fleet.h"
#include "base/config.h"
#include "engine/http_client.h"
#include "engine/http_config.h"

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace tpt::app {

struct HttpEnginesConfig {
  std::vector<std::string> urls;
  std::string urls_file;
  bool url_dns = false;
  double urls_refresh_seconds = 10;
  double price_per_million_prompt_tokens = 0;
  double price_per_million_generated_tokens = 0;
  double price_per_hour = 0;
  double gpus_per_endpoint = 1;
  engine::HttpConfig http;
  augment::FleetConfig fleet;
};

void describe(Fields& fields, HttpEnginesConfig& config);

// Takes those options out of `record` that do not shape what is written: addresses, limits,
// times, prices. All of them, where `all` is set.
void leave_out_http(Json& record, const HttpEnginesConfig& config, bool all);

class HttpEngines : public engine::Engine {
 public:
  // Makes the engine of an entry "llama:FILE".
  using MakeLlama = std::function<std::shared_ptr<engine::Engine>(const std::string& file)>;

  // Waits up to fleet.patience_seconds until an endpoint says what it serves, where none is named.
  // Error(user) for addresses that are none, Error(remote) where no endpoint can be asked for its
  // model, Interrupted where `stop` comes first.
  HttpEngines(HttpEnginesConfig config, MakeLlama make_llama, const std::stop_token& stop = {});
  ~HttpEngines() override;
  HttpEngines(const HttpEngines&) = delete;
  HttpEngines& operator=(const HttpEngines&) = delete;

  void submit(engine::Request request, Done done) override;
  std::int64_t capacity() const override { return fleet_->capacity(); }
  std::string name() const override { return fleet_->name(); }
  bool deterministic() const override { return fleet_->deterministic(); }
  const engine::TokenCounter& tokens() const override { return fleet_->tokens(); }
  std::vector<augment::EndpointStatus> endpoints() const { return fleet_->endpoints(); }
  // Most tokens of prompt and answer, as the list that named the model said; 0: not known.
  std::int64_t context_tokens() const { return context_tokens_; }

 private:
  std::vector<EndpointEntry> given() const;
  std::vector<EndpointEntry> listed(bool starting);
  void wait_for_endpoints(const std::stop_token& stop);
  // What is missing until work can begin; "" where nothing is.
  std::string missing();
  bool learn_model(std::string& trouble);
  std::string model_of(const EndpointEntry& entry);
  engine::HttpConfig settings_of(const EndpointEntry& entry) const;
  augment::MemberSpec member_of(const EndpointEntry& entry);
  std::vector<augment::MemberSpec> members_of(const std::vector<EndpointEntry>& entries);
  void follow(std::stop_token stop);
  void refresh();
  void complain(const std::vector<std::string>& messages);

  HttpEnginesConfig config_;
  MakeLlama make_llama_;
  engine::HttpClient client_;
  std::int64_t context_tokens_ = 0;
  bool is_model_learned_ = false;  // not named by the user
  std::vector<EndpointEntry> file_entries_;
  std::map<std::string, std::vector<EndpointEntry>> resolved_;  // of each name, when it last was
  std::vector<EndpointEntry> present_;
  // By name, of those present: whoever is new is made anew.
  std::map<std::string, std::shared_ptr<engine::Engine>> engines_;
  std::vector<std::string> complaints_;  // the last ones: not told again
  std::unique_ptr<augment::Fleet> fleet_;
  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::jthread follower_;  // last, so that it ends before what it uses
};

}  // namespace tpt::app
