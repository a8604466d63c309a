// Drives LlamaEngine as augment does and prints its rate as one line of JSON, for bench/augment.
//
//   tpt_augment_bench MODEL THREADS PARALLEL PROMPT_TOKENS GENERATED_TOKENS [REQUESTS]
//
// "whole": generated tokens over the time from the first submit to the last answer, prompts
// included. "generating": over the time that is left without reading the prompts, which a run with
// answers of one token measures.
#include "base/error.h"
#include "base/json.h"
#include "engine/llama_engine.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <mutex>
#include <string>

namespace tpt::engine {
namespace {

struct Run {
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  double seconds = 0;
  double cpu_seconds = 0;  // of all threads
};

// Prompts of which none shares its start with another, as documents do not.
std::string prompt_of(const Engine& engine, std::int64_t tokens, std::int64_t number) {
  std::string text = std::to_string(number * 7919 + tokens);
  while (engine.tokens().count(text) < 2 * tokens) {
    text += " river " + std::to_string(text.size() * 31 % 977) + " stone and light";
  }
  return text.substr(0, engine.tokens().prefix_bytes(text, tokens));
}

Run measure(Engine& engine, std::int64_t requests, std::int64_t prompt, std::int64_t generated) {
  Run run;
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t finished = 0;
  std::vector<Request> asked;
  for (std::int64_t i = 0; i < requests; ++i) {
    Request request;
    request.key = std::to_string(i);
    // Other prompts than those of the run before, of which the slots still know the start.
    request.prompt = prompt_of(engine, prompt, 1000 * generated + i);
    request.chat = false;
    request.sampling.max_tokens = generated;
    request.sampling.seed = static_cast<std::uint64_t>(i);
    request.sampling.stop = {"</think>"};
    asked.push_back(std::move(request));
  }
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu_start = std::clock();
  for (Request& request : asked) {
    engine.submit(std::move(request), [&](const Response& response) {
      const std::scoped_lock lock(mutex);
      TPT_CHECK(response.finish != Finish::error, "{}", response.error);
      run.prompt_tokens += response.prompt_tokens;
      run.generated_tokens += response.generated_tokens;
      ++finished;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return finished == requests; });
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  return run;
}

int bench(int argc, char** argv) {
  if (argc < 6) {
    user_error("usage: tpt_augment_bench MODEL THREADS PARALLEL PROMPT GENERATED [REQUESTS]");
  }
  const auto number = [&](int at) { return std::strtoll(argv[at], nullptr, 10); };
  LlamaConfig config;
  config.model = argv[1];
  config.threads = number(2);
  config.parallel = number(3);
  const std::int64_t prompt = number(4);
  const std::int64_t generated = number(5);
  const std::int64_t requests = argc > 6 ? number(6) : config.parallel;
  config.context_tokens = prompt + generated + 64;
  LlamaEngine engine(config);
  measure(engine, config.parallel, 16, 1);  // touches the weights and the memory once
  const Run reading = measure(engine, requests, prompt, 1);
  const Run whole = measure(engine, requests, prompt, generated);
  const auto tokens = static_cast<double>(whole.generated_tokens);
  const Json result = {{"prompt_tokens", whole.prompt_tokens},
                       {"generated_tokens", whole.generated_tokens},
                       {"seconds", whole.seconds},
                       {"seconds_reading", reading.seconds},
                       {"cpu_seconds", whole.cpu_seconds},
                       {"cpu_seconds_reading", reading.cpu_seconds},
                       {"whole", tokens / whole.seconds},
                       {"generating", tokens / (whole.seconds - reading.seconds)}};
  fmt::print("{}\n", dump_json(result));
  return 0;
}

}  // namespace
}  // namespace tpt::engine

int main(int argc, char** argv) {
  try {
    return tpt::engine::bench(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
