// The key of a server: sent, and shown nowhere.
#include "base/error.h"
#include "engine/http_engine_rig.h"
#include "temporary_folder.h"

#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace tpt::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kKey = "sk-Very+Secret/0123456789";

TEST(HttpEngine, TheKeyIsSentAndNeverShown) {
  const TemporaryFolder folder;
  std::ofstream(folder / "key") << kKey << "\n";
  int turn = 0;
  HttpServer server({}, [&](const HttpServerRequest& request, HttpExchange& exchange) {
    EXPECT_EQ(request.header("Authorization"), "Bearer " + kKey);
    const std::string echo = "your key " + kKey + " and pa55word";
    switch (turn++) {
      case 0:
        exchange.answer(401, "text/html", "<p>" + echo + "</p>");
        return;
      case 1:
        exchange.answer(400, "application/json", dump_json({{"error", {{"message", echo}}}}));
        return;
      case 2:
        exchange.answer(200, "application/json", answer_json(echo));
        return;
      case 3:
        exchange.answer(200, "text/event-stream",
                        "data: " + dump_json({{"error", {{"message", echo}}}}) + "\n\n");
        return;
      case 4:
        exchange.answer(403, "application/json",
                        dump_json({{"message", echo}, {"object", "error"}}));
        return;
      default:
        exchange.answer(200, "application/json",
                        dump_json({{"data", {{{"id", echo}}, {{"id", "b"}}}}}));
    }
  });
  HttpClient client;
  HttpConfig config = config_for(server);
  config.api_key_file = folder / "key";
  config.url = "http://anna:pa55word@" + server.url().substr(7);
  HttpEngine engine(client, config);
  std::vector<std::string> shown = {engine.name(), engine.endpoint()};
  for (int i = 0; i < 4; ++i) {
    const Response response = ask_one(engine, request_of("p"));
    EXPECT_TRUE(i == 2 || !response.error.empty());
    shown.insert(shown.end(), {response.text, response.error, response.endpoint});
  }
  std::promise<ModelListing> promise;
  engine.probe([&](ModelListing listing) { promise.set_value(std::move(listing)); });
  const ModelListing listing = promise.get_future().get();
  EXPECT_EQ(listing.failure, Failure::unauthorized);
  shown.push_back(listing.error);
  config.model = "";
  try {
    HttpEngine unnamed(client, config);
    FAIL();
  } catch (const Error& error) {
    shown.emplace_back(error.what());
  }
  Fields fields("engine");
  describe(fields, config);
  shown.push_back(dump_json(fields.to_json()));
  EXPECT_EQ(turn, 6);
  for (const std::string& text : shown) {
    EXPECT_THAT(text, Not(HasSubstr(kKey)));
    EXPECT_THAT(text, Not(HasSubstr("0123456789")));
    EXPECT_THAT(text, Not(HasSubstr("anna:pa55word")));
  }
}

}  // namespace
}  // namespace tpt::engine
