#include "augment/fleet_flight.h"

#include <algorithm>

namespace tpt::augment {

std::size_t Flight::hopeful() const {
  return static_cast<std::size_t>(
      std::count_if(live.begin(), live.end(),
                    [](const std::shared_ptr<Attempt>& attempt) { return !attempt->abandoned; }));
}

void Flight::keep_error(engine::Response response) {
  if (response.text.size() < error.text.size()) {
    add_waste(response);
    std::swap(response.text, error.text);
    response.prompt_tokens = error.prompt_tokens;
    response.generated_tokens = error.generated_tokens;
  } else {
    add_waste(error);
  }
  response.wasted_prompt_tokens = 0;
  response.wasted_generated_tokens = 0;
  error = std::move(response);
}

void Flight::add_waste(const engine::Response& response) {
  wasted_prompt_tokens += response.prompt_tokens;
  wasted_generated_tokens += response.generated_tokens;
}

engine::Request request_of(const Flight& flight, const Attempt& attempt) {
  engine::Request request = flight.request;
  request.cancel = attempt.stop.get_token();
  if (flight.watch) {
    request.keep_going = [watch = flight.watch, number = attempt.number](std::string_view text) {
      return watch->ask(number, text);
    };
  }
  return request;
}

}  // namespace tpt::augment
