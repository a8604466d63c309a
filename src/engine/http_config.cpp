#include "engine/http_config.h"

namespace tpt::engine {

void describe(Fields& fields, HttpConfig& config) {
  fields.text("served_model", config.model,
              "the model as the server calls it; empty: the only one that it lists");
  fields.text("model_revision", config.revision,
              "of the served model, for the record: other revisions are other rows");
  fields.choice("api", config.api, {{"chat", HttpApi::chat}, {"completions", HttpApi::completions}},
                "chat: the server's chat template; completions: the prompt as it is");
  fields.flag("stream", config.stream,
              "read answers while they are written: for stopping loops early and for the idle time "
              "of long answers; costs this machine more");
  fields.choice("prefill", config.prefill,
                {{"none", Prefill::none}, {"continue", Prefill::continued}},
                "how a chat server is told the start of its answer. none: it is not, the model "
                "thinks by itself; continue: an assistant turn to go on with (vLLM, SGLang, "
                "llama-server)");
  fields.choice("take", config.part,
                {{"thinking", AnswerPart::thinking}, {"answer", AnswerPart::answer}},
                "what of an answer is the text: its reasoning (the content where there is none), "
                "or the content behind it");
  fields.text("extra_body", config.extra_body,
              "a JSON object merged into every request, such as {\"chat_template_kwargs\": "
              "{\"enable_thinking\": true}}; null takes a field out");
  fields.text("api_key_env", config.api_key_env,
              "the environment variable that holds the key; without one no key is sent");
  fields.text("api_key_file", config.api_key_file, "a file that holds the key, instead");
  fields.integer("in_flight", config.in_flight, "most requests at an endpoint at once", 1, 1 << 20);
  fields.number("request_seconds", config.request_seconds,
                "a request without a whole answer by then has failed", 0.001, 1e7);
  fields.number("idle_seconds", config.idle_seconds,
                "a stream without a byte for so long has failed", 0.001, 1e7);
  fields.number("connect_seconds", config.connect_seconds, "for a connection, with its TLS", 0.001,
                1e5);
  fields.choice("http_version", config.version,
                {{"1.1", HttpVersion::http_1_1}, {"2", HttpVersion::http_2}},
                "2: over TLS, where the server has it");
  fields.text("ca_file", config.ca_file, "trusted certificates in PEM; empty: the system's");
  fields.flag("verify_tls", config.verify_tls, "refuse servers whose certificate is not trusted");
  fields.text("proxy", config.proxy,
              "address of a proxy; empty: http_proxy and so on of the environment; none: no proxy");
}

}  // namespace tpt::engine
