#include "engine/http_engine.h"

#include "base/error.h"
#include "engine/chat_reply.h"
#include "engine/http_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <utility>

namespace tpt::engine {

namespace {

constexpr double kProbeSeconds = 10;
constexpr std::size_t kMostErrorBytes = 64U << 10U;
constexpr std::size_t kMostListingBytes = 16U << 20U;

HttpPeerOptions peer_options(const HttpConfig& config, const HttpUrl& url, const ApiKey& key) {
  return {.headers = {"Content-Type: application/json"},
          .key = key,
          .version = config.version,
          .connect_seconds = config.connect_seconds,
          .ca_file = config.ca_file,
          .verify_tls = config.verify_tls,
          .tls = url.secure() || config.proxy.starts_with("https"),
          .proxy = config.proxy,
          .address = config.address};
}

void append_up_to(std::string& text, std::string_view bytes, std::size_t most) {
  text += bytes.substr(0, most - std::min(most, text.size()));
}

}  // namespace

std::string ModelListing::ids() const {
  std::string all;
  for (const ListedModel& model : models) all += (all.empty() ? "" : ", ") + model.id;
  return all;
}

// Nothing is called back once it is closed.
struct HttpEngine::Gate {
  std::mutex mutex;
  bool open = true;
};

struct HttpEngine::Flight {
  std::string prompt;
  Done done;
  ChatReply reply;
  std::string error_body;
};

HttpEngine::HttpEngine(HttpClient& client, HttpConfig config, const TokenCounter* counter)
    : client_(client),
      config_(std::move(config)),
      url_(config_.url),
      key_(ApiKey::load(config_.api_key_env, config_.api_key_file)),
      extra_(config_.extra_body),
      counter_(counter != nullptr ? counter : &estimated_),
      exact_counter_(counter != nullptr),
      peer_(client.make_peer(peer_options(config_, url_, key_))),
      gate_(std::make_shared<Gate>()) {
  if (config_.model.empty()) learn_model();
  request_options_ = {.model = config_.model,
                      .stream = config_.stream,
                      .prefill = config_.prefill,
                      .system_prompt = config_.system_prompt};
}

HttpEngine::~HttpEngine() {
  {
    const std::scoped_lock lock(gate_->mutex);
    gate_->open = false;
  }
  client_.cancel_all(peer_);
}

std::string HttpEngine::name() const {
  return "http:" + config_.model + (config_.revision.empty() ? "" : "@" + config_.revision);
}

std::string HttpEngine::redact(std::string text) const {
  return key_.redact(url_.redact(std::move(text)));
}

HttpCall HttpEngine::call_for(const std::string& path) const {
  HttpCall call;
  call.peer = peer_;
  call.url = url_.at(path);
  return call;
}

void HttpEngine::submit(Request request, Done done) {
  const bool chat = request.chat && config_.api == HttpApi::chat;
  const bool sent =
      !request.answer_start.empty() && (!chat || config_.prefill == Prefill::continued);
  HttpCall call = call_for(chat ? "/chat/completions" : "/completions");
  call.body = chat_request_body(request_options_, extra_, request, chat);
  call.deadline_seconds = config_.request_seconds;
  call.idle_seconds = config_.stream ? config_.idle_seconds : 0;
  call.paced = config_.stream && config_.version == HttpVersion::http_1_1;
  call.cancel = request.cancel;
  ChatReplyOptions reply{.part = config_.part,
                         .answer_start = std::move(request.answer_start),
                         .answer_start_sent = sent,
                         .stop = std::move(request.sampling.stop),
                         .max_tokens = request.sampling.max_tokens,
                         .keep_going = config_.stream ? std::move(request.keep_going) : nullptr};
  const bool lost_start = chat && !sent && !is_only_tag(reply.answer_start);
  auto flight = std::make_shared<Flight>(
      Flight{std::move(request.prompt), std::move(done), ChatReply(std::move(reply)), ""});
  if (lost_start) {
    refuse_start(std::move(flight));
    return;
  }
  call.on_data = [flight, gate = gate_](int status, std::string_view bytes) {
    if (status / 100 != 2) {
      append_up_to(flight->error_body, bytes, kMostErrorBytes);
      return true;
    }
    const std::scoped_lock lock(gate->mutex);
    return gate->open && flight->reply.feed(bytes);
  };
  call.on_done = [this, flight, gate = gate_](const HttpOutcome& outcome) {
    const std::scoped_lock lock(gate->mutex);
    if (gate->open) flight->done(response_of(*flight, outcome));
  };
  client_.send(std::move(call));
}

// The model would begin anew, and its text would not follow on what was there.
void HttpEngine::refuse_start(std::shared_ptr<Flight> flight) {
  client_.post([flight = std::move(flight), gate = gate_] {
    const std::scoped_lock lock(gate->mutex);
    if (!gate->open) return;
    Response response;
    response.finish = Finish::error;
    response.failure = Failure::refused;
    response.error = "an answer can be continued with prefill = \"continue\" only";
    flight->done(std::move(response));
  });
}

Response HttpEngine::response_of(Flight& flight, const HttpOutcome& outcome) const {
  const bool refused = outcome.status != 0 && outcome.status / 100 != 2;
  // The end of a stream was seen: what happens to the connection afterwards is of no interest.
  const bool whole = outcome.fault == HttpFault::none || flight.reply.complete();
  ChatReply::Result result = flight.reply.finish(whole && !refused);
  Response& response = result.response;
  const auto fail = [&response](Failure failure, std::string error) {
    response.finish = Finish::error;
    response.failure = failure;
    response.error = std::move(error);
  };
  if (outcome.fault == HttpFault::cancelled) {
    fail(Failure::cancelled, outcome.error);
  } else if (refused) {
    ChatAnswer error;
    const std::string words = error_text(flight.error_body, error);
    fail(failure_of_status(outcome.status, error),
         fmt::format("HTTP {}{}{}", outcome.status, words.empty() ? "" : ": ", words));
    response.retry_after_seconds = outcome.retry_after_seconds;
  } else if (!whole && flight.reply.end() == ReplyEnd::none) {
    fail(failure_of_fault(outcome.fault), outcome.error);
  } else if (result.has_error && response.failure == Failure::broken) {
    fail(failure_of_error(result.error), error_line(response.error));
  }
  count(flight, result.prompt_tokens, result.generated_tokens, response);
  response.seconds = outcome.seconds;
  response.endpoint = endpoint();
  response.text = key_.redact(std::move(response.text));
  if (response.finish == Finish::error) {
    response.error = redact(endpoint() + ": " + response.error);
  }
  return std::move(response);
}

void HttpEngine::count(Flight& flight, std::int64_t prompt_tokens, std::int64_t generated_tokens,
                       Response& response) const {
  // A request that was turned away cost nothing.
  const bool started = response.failure == Failure::none || flight.reply.bytes() > 0;
  response.tokens_estimated = started && (prompt_tokens < 0 || generated_tokens < 0);
  if (prompt_tokens < 0) prompt_tokens = started ? counter_->count(flight.prompt) : 0;
  if (generated_tokens < 0) generated_tokens = flight.reply.count(*counter_, exact_counter_);
  response.prompt_tokens = prompt_tokens;
  response.generated_tokens = generated_tokens;
}

void HttpEngine::probe(std::function<void(ModelListing)> done) {
  HttpCall call = call_for("/models");
  call.deadline_seconds = std::min(kProbeSeconds, config_.request_seconds);
  auto body = std::make_shared<std::string>();
  call.on_data = [body](int, std::string_view bytes) {
    append_up_to(*body, bytes, kMostListingBytes);
    return true;
  };
  call.on_done = [this, body, done = std::move(done), gate = gate_](const HttpOutcome& outcome) {
    const std::scoped_lock lock(gate->mutex);
    if (!gate->open) return;
    ModelListing listing = listing_of(*body, outcome);
    for (const ListedModel& model : listing.models) {
      if (model.id == config_.model) context_tokens_ = model.max_tokens;
    }
    done(std::move(listing));
  };
  client_.send(std::move(call));
}

ModelListing HttpEngine::listing_of(const std::string& body, const HttpOutcome& outcome) const {
  ModelListing listing;
  listing.seconds = outcome.seconds;
  if (outcome.fault != HttpFault::none) {
    listing.failure = failure_of_fault(outcome.fault);
    listing.error = outcome.error;
  } else if (outcome.status / 100 != 2) {
    ChatAnswer error;
    const std::string words = error_text(body, error);
    listing.failure = failure_of_status(outcome.status, error);
    listing.error = fmt::format("HTTP {}{}{}", outcome.status, words.empty() ? "" : ": ", words);
  } else if (!read_model_list(body, listing.models)) {
    listing.failure = Failure::broken;
    listing.error = "GET /models is not answered with a list of models";
  }
  if (listing.failure != Failure::none) {
    listing.error = redact(endpoint() + ": " + listing.error);
  }
  return listing;
}

ModelListing HttpEngine::list() {
  std::promise<ModelListing> promise;
  probe([&promise](ModelListing listing) { promise.set_value(std::move(listing)); });
  return promise.get_future().get();
}

std::string HttpEngine::only_model(const ModelListing& listing) const {
  if (listing.models.size() == 1) return listing.models.front().id;
  const std::string ids = listing.ids();
  user_error("served_model: {} lists {} models, one has to be chosen: {}", endpoint(),
             listing.models.size(), redact(ids.empty() ? "none" : ids));
}

void HttpEngine::learn_model() {
  const ModelListing listing = list();
  if (listing.failure != Failure::none) {
    remote_error("{} (set served_model where the server lists none)", listing.error);
  }
  config_.model = only_model(listing);
  context_tokens_ = listing.models.front().max_tokens;
}

}  // namespace tpt::engine
