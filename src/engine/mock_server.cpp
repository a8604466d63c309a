#include "engine/mock_server.h"

#include "base/error.h"
#include "engine/mock_call.h"

#include <atomic>
#include <ctime>
#include <mutex>
#include <string_view>
#include <utility>

namespace tpt::engine {
namespace {

constexpr std::string_view kJsonType = "application/json";

HttpServerConfig http_config(const MockConfig& config) {
  return {.listen = config.listen, .threads = config.threads, .server_name = "tpt-mock"};
}

std::string not_authorized(MockDialect dialect) {
  switch (dialect) {
    case MockDialect::vllm:
    case MockDialect::sglang:
      return R"({"error":"Unauthorized"})";
    case MockDialect::openai:
      return R"({"error":{"message":"Incorrect API key provided.","type":"invalid_request_error",)"
             R"("param":null,"code":"invalid_api_key"}})";
    case MockDialect::llama_server:
      break;
  }
  return error_json(dialect, 401, "Invalid API Key", "authentication_error");
}

std::string models_json(const MockConfig& config) {
  Json model = {{"id", config.model}, {"object", "model"}, {"created", std::time(nullptr)}};
  switch (config.dialect) {
    case MockDialect::vllm:
    case MockDialect::sglang:
      model["owned_by"] = config.dialect == MockDialect::vllm ? "vllm" : "sglang";
      model["root"] = config.model;
      model["parent"] = nullptr;
      model["max_model_len"] = config.context_tokens;
      break;
    case MockDialect::openai:
      model["owned_by"] = "openai";
      break;
    case MockDialect::llama_server:
      model["owned_by"] = "llamacpp";
      model["meta"] = {{"n_ctx", config.context_tokens}, {"n_ctx_train", config.context_tokens}};
      break;
  }
  return dump_json({{"object", "list"}, {"data", Json::array({model})}});
}

}  // namespace

class MockServer::Service {
 public:
  explicit Service(MockConfig config)
      : rules_(std::make_shared<const MockRules>(std::move(config))),
        slots_(rules_->config.max_concurrent,
               [this](std::size_t loop, std::function<void()> work) {
                 server_.post(loop, std::move(work));
               }),
        server_(http_config(rules_->config),
                [this](const HttpServerRequest& request, HttpExchange& exchange) {
                  handle(request, exchange);
                }) {
    plan_outages(rules_->config.outage);
  }
  ~Service() { server_.stop(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  std::shared_ptr<const MockRules> rules() const {
    const std::lock_guard lock(rules_mutex_);
    return rules_;
  }

  void configure(const Json& changes) {
    std::shared_ptr<const MockRules> changed;
    {
      const std::lock_guard lock(rules_mutex_);
      MockConfig config = rules_->config;
      Fields fields("mock");
      describe(fields, config);
      fields.apply(changes);
      if (config.listen != rules_->config.listen || config.threads != rules_->config.threads) {
        user_error("mock: listen and threads cannot be changed while it runs");
      }
      const bool same_prose = config.seed == rules_->config.seed;
      changed =
          std::make_shared<const MockRules>(std::move(config), same_prose ? rules_->pool : nullptr);
      rules_ = changed;
    }
    slots_.set_limit(changed->config.max_concurrent);
    if (changes.is_object() && changes.contains("outage")) plan_outages(changed->config.outage);
  }

  Json stats_json() const {
    Json stats = to_json(ledger_.stats());
    const HttpServerCounts counts = server_.counts();
    stats["connections_open"] = counts.connections_open;
    stats["connections_accepted"] = counts.connections_accepted;
    stats["broken_requests"] = counts.broken_requests;
    stats["received_bytes"] = counts.received_bytes;
    stats["sent_bytes"] = counts.sent_bytes;
    stats["seconds"] = ledger_.seconds();
    return stats;
  }

  MockLedger& ledger() { return ledger_; }
  HttpServer& server() { return server_; }

 private:
  void plan_outages(const std::vector<std::string>& entries) {
    const std::int64_t plan = ++outage_plan_;
    for (const MockOutage& outage : parse_outages(entries)) {
      server_.after(outage.after_seconds, [this, plan, seconds = outage.seconds] {
        if (plan != outage_plan_) return;  // replaced by another
        server_.set_away(true);
        server_.after(seconds, [this] { server_.set_away(false); });
      });
    }
  }

  void handle(const HttpServerRequest& request, HttpExchange& exchange) {
    const std::shared_ptr<const MockRules> rules = this->rules();
    const std::string& base = rules->config.base_path;
    std::string_view path = request.path;
    if (path.starts_with("/mock/")) return serve_desk(request, exchange);
    if (!path.starts_with(base)) return refuse(exchange, 404, "Not Found", "NotFoundError");
    path.remove_prefix(base.size());
    const bool chat = path == "/v1/chat/completions";
    if (chat || path == "/v1/completions") {
      if (!allowed(exchange, request, "POST")) return;
      return complete(request, exchange, chat, rules);
    }
    MockLedger::add(ledger_.counts().other);
    if (path == "/health") return exchange.answer(200, "text/plain", "");
    if (path == "/v1/models") {
      if (!allowed(exchange, request, "GET") || !authorized(request, exchange, *rules)) return;
      return exchange.answer(200, kJsonType, models_json(rules->config));
    }
    refuse(exchange, 404, "Not Found", "NotFoundError");
  }

  void refuse(HttpExchange& exchange, int status, std::string_view message, std::string_view type) {
    if (status == 400 || status == 404) MockLedger::add(ledger_.counts().bad_requests);
    exchange.answer(status, kJsonType, error_json(rules()->config.dialect, status, message, type));
  }

  bool allowed(HttpExchange& exchange, const HttpServerRequest& request, std::string_view method) {
    if (request.method == method || (method == "GET" && request.method == "HEAD")) return true;
    exchange.answer(405, kJsonType, R"({"detail":"Method Not Allowed"})",
                    fmt::format("Allow: {}\r\n", method));
    return false;
  }

  bool authorized(const HttpServerRequest& request, HttpExchange& exchange,
                  const MockRules& rules) {
    const std::string& key = rules.config.api_key;
    if (key.empty() || request.header("authorization") == "Bearer " + key) return true;
    MockLedger::add(ledger_.counts().unauthorized);
    exchange.answer(401, kJsonType, not_authorized(rules.config.dialect),
                    "WWW-Authenticate: Bearer\r\n");
    return false;
  }

  void complete(const HttpServerRequest& http, HttpExchange& exchange, bool chat,
                const std::shared_ptr<const MockRules>& rules) {
    MockLedger::Counts& counts = ledger_.counts();
    MockLedger::add(counts.requests);
    MockLedger::add(chat ? counts.chat : counts.plain);
    if (!authorized(http, exchange, *rules)) return;
    MockRequest request;
    std::string error;
    if (!read_mock_request(http.body, chat, rules->config.copy_share > 0, request, error)) {
      return refuse(exchange, 400, error, "BadRequestError");
    }
    if (request.stream) MockLedger::add(counts.streamed);
    if (!request.model.empty() && request.model != rules->config.model) {
      return refuse(exchange, 404,
                    fmt::format("The model `{}` does not exist.", request.model.substr(0, 200)),
                    "NotFoundError");
    }
    if (const auto too_long = context_error(*rules, request)) {
      MockLedger::add(counts.bad_requests);
      MockLedger::add(counts.too_long);
      return exchange.answer(400, kJsonType, *too_long);
    }
    std::make_shared<MockCall>(ledger_, slots_, rules, std::move(request), exchange)->start();
  }

  // What the person who rehearses asks for.
  void serve_desk(const HttpServerRequest& request, HttpExchange& exchange) {
    if (request.path == "/mock/stats") {
      if (!allowed(exchange, request, "GET")) return;
      return exchange.answer(200, kJsonType, dump_json(stats_json()) + "\n");
    }
    if (request.path == "/mock/requests") {
      if (!allowed(exchange, request, "GET")) return;
      std::string lines;
      for (const MockRecord& record : ledger_.records()) lines += dump_json(to_json(record)) + "\n";
      return exchange.answer(200, "application/jsonl", lines);
    }
    if (request.path == "/mock/clear") {
      if (!allowed(exchange, request, "POST")) return;
      ledger_.clear();
      return exchange.answer(200, kJsonType, "{}\n");
    }
    if (request.path != "/mock/config") {
      return refuse(exchange, 404, "Not Found", "NotFoundError");
    }
    try {
      if (request.method == "POST") configure(parse_json(request.body, "the body"));
    } catch (const Error& error) {
      return refuse(exchange, 400, error.what(), "BadRequestError");
    }
    MockConfig config = rules()->config;
    Fields fields("mock");
    describe(fields, config);
    Json given = fields.to_json();
    given.erase("api_key");
    exchange.answer(200, kJsonType, dump_json_pretty(given));
  }

  mutable std::mutex rules_mutex_;
  std::shared_ptr<const MockRules> rules_;
  MockLedger ledger_;
  MockSlots slots_;
  std::atomic<std::int64_t> outage_plan_ = 0;
  HttpServer server_;  // last, so that its threads end before what they use
};

MockServer::MockServer(MockConfig config)
    : service_(std::make_unique<Service>(std::move(config))) {}

MockServer::~MockServer() = default;

std::string MockServer::url() const {
  return service_->server().url() + service_->rules()->config.base_path;
}

std::int64_t MockServer::port() const { return service_->server().port(); }

MockStats MockServer::stats() const { return service_->ledger().stats(); }

Json MockServer::stats_json() const { return service_->stats_json(); }

std::vector<MockRecord> MockServer::records() const { return service_->ledger().records(); }

void MockServer::configure(const Json& changes) { service_->configure(changes); }

void MockServer::clear() { service_->ledger().clear(); }

void MockServer::set_away(bool away) { service_->server().set_away(away); }

void MockServer::stop(double grace_seconds) { service_->server().stop(grace_seconds); }

}  // namespace tpt::engine
