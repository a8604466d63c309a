#include "engine/http_server.h"

#include "base/error.h"
#include "engine/mock_client.h"
#include "engine/raw_client.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tpt::engine {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// What the shell prints for `command`.
std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char letters[4096];
  for (std::size_t got = 0; (got = fread(letters, 1, sizeof letters, pipe)) > 0;) {
    output.append(letters, got);
  }
  pclose(pipe);
  return output;
}

// Says back what it was asked.
void echo(const HttpServerRequest& request, HttpExchange& exchange) {
  exchange.answer(
      200, "text/plain",
      fmt::format("{} {} [{}] {}", request.method, request.path, request.query, request.body));
}

constexpr const char* kGet = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(HttpServer, APostWithoutALengthHasNoBody) {
  HttpServer server({}, echo);
  RawClient client(server.port(), 5);
  client.send("POST /clear HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, EndsWith("POST /clear [] "));
}

TEST(HttpServer, AnswersCurlGetPostHeadAndChunkedBodies) {
  HttpServer server({}, echo);
  EXPECT_EQ(output_of("curl -s '" + server.url() + "/a?b=c'"), "GET /a [b=c] ");
  EXPECT_EQ(output_of("curl -s -d hello " + server.url() + "/p"), "POST /p [] hello");
  EXPECT_EQ(output_of("curl -s -H 'Transfer-Encoding: chunked' -d hello " + server.url() + "/p"),
            "POST /p [] hello");
  EXPECT_THAT(output_of("curl -s -I " + server.url() + "/h"),
              testing::AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 11"),
                             HasSubstr("Date: ")));
  EXPECT_EQ(output_of("curl -s -0 " + server.url() + "/old"), "GET /old [] ");
  // Two requests over one connection: curl says when it used one again.
  EXPECT_THAT(output_of("curl -s -v " + server.url() + "/1 " + server.url() + "/2"),
              HasSubstr("Re-using existing connection"));
}

TEST(HttpServer, TakesALargeBodyThatWaitsForItsContinue) {
  HttpServer server({}, [](const HttpServerRequest& request, HttpExchange& exchange) {
    exchange.answer(200, "text/plain", std::to_string(request.body.size()));
  });
  EXPECT_THAT(output_of("head -c 20000000 /dev/zero | curl -s -v -H 'Expect: 100-continue' "
                        "--data-binary @- " +
                        server.url()),
              testing::AllOf(HasSubstr("HTTP/1.1 100 Continue"), HasSubstr("20000000")));
  EXPECT_EQ(output_of("head -c 20000000 /dev/zero | curl -s -H 'Transfer-Encoding: chunked' "
                      "--data-binary @- " +
                      server.url()),
            "20000000");
  RawClient unknown(server.port());
  unknown.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 3\r\n\r\n");
  EXPECT_THAT(unknown.read_all(), StartsWith("HTTP/1.1 417 "));
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  HttpServer server({}, echo);
  std::string asked;
  for (int i = 0; i < 3000; ++i) {
    asked += fmt::format("POST /{} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", i);
  }
  RawClient client(server.port());
  std::thread sender([&] { client.send(asked); });
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(body_of(client.read_answer()), fmt::format("POST /{} [] body", i));
  }
  sender.join();
}

TEST(HttpServer, ReadsARequestThatComesByteByByte) {
  HttpServer server({}, echo);
  RawClient client(server.port());
  const std::string asked =
      "\r\nPOST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;note=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char letter : asked) client.send({&letter, 1});
  EXPECT_EQ(body_of(client.read_answer()), "POST /x [] abcde");
  EXPECT_EQ(body_of(client.read_answer()), "GET / [] ");
}

TEST(HttpServerSlow, KeepsAndClosesConnectionsAsEachVersionAsks) {
  HttpServer server({}, echo);
  const auto answer_to = [&](const std::string& head) {
    RawClient client(server.port(), 0.4);
    client.send(head + "\r\n\r\n");
    const std::string answer = client.read_all();
    return std::pair(answer, client.ended());
  };
  EXPECT_FALSE(answer_to("GET / HTTP/1.1\r\nHost: x").second);
  EXPECT_TRUE(answer_to("GET / HTTP/1.0").second);
  const auto [closed, ended] = answer_to("GET / HTTP/1.1\r\nHost: x\r\nConnection: a, Close");
  EXPECT_TRUE(ended);
  EXPECT_THAT(closed, HasSubstr("Connection: close\r\n"));
  const auto [kept, kept_ended] = answer_to("GET / HTTP/1.0\r\nConnection: keep-alive");
  EXPECT_FALSE(kept_ended);
  EXPECT_THAT(kept, HasSubstr("Connection: keep-alive\r\n"));
  // HEAD tells the length and sends no body.
  EXPECT_THAT(answer_to("HEAD / HTTP/1.1\r\nHost: x").first,
              testing::AllOf(HasSubstr("Content-Length: 10\r\n"), EndsWith("\r\n\r\n")));
}

TEST(HttpServer, RefusesWhatIsNoRequestWithItsStatusAndCloses) {
  HttpServer server({.limits = {.max_head_bytes = 1000, .max_body_bytes = 5000}}, echo);
  const auto status_of = [&](const std::string& bytes) {
    RawClient client(server.port(), 5);
    client.send(bytes);
    const std::string answer = client.read_all();
    EXPECT_TRUE(client.ended()) << bytes;
    return answer.substr(0, 12);
  };
  const std::string host = " HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(status_of("\x16\x03\x01 hello"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET /" + host + "Host: y\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n\r\n"), "HTTP/1.1 505");
  EXPECT_EQ(status_of("GET /a b" + host + "\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET /" + host + "a b: c\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET /" + host + "a: b\r\n c\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET /" + host + std::string("a: b\0c", 6) + "\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host + "Content-Length: -1\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host + "Content-Length: +5\r\n\r\nhello"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host + "Content-Length: 99999999999999999999999\r\n\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
            "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host +
                      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host + "Transfer-Encoding: gzip\r\n\r\n"), "HTTP/1.1 501");
  EXPECT_EQ(status_of("POST /" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST /" + host + "Content-Length: 5001\r\n\r\n"), "HTTP/1.1 413");
  EXPECT_EQ(status_of("POST /" + host + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"),
            "HTTP/1.1 413");
  EXPECT_EQ(status_of("GET /" + std::string(2000, 'a')), "HTTP/1.1 431");
  std::string many;
  for (int i = 0; i < 140; ++i) many += "a:b\r\n";
  EXPECT_EQ(status_of("GET /" + host + many + "\r\n"), "HTTP/1.1 431");
  EXPECT_EQ(server.counts().requests, 0);
  EXPECT_EQ(server.counts().broken_requests, 21);
  // And goes on as if nothing had been.
  EXPECT_EQ(output_of("curl -s " + server.url() + "/"), "GET / [] ");
}

TEST(HttpServer, TheAnswerToARefusedBodyIsNotOvertakenByAReset) {
  HttpServer server({.limits = {.max_body_bytes = 1000}}, echo);
  for (int i = 0; i < 20; ++i) {
    RawClient client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
    client.send(std::string(200'000, 'x'));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    client.send(std::string(200'000, 'x'));
    client.finish_sending();
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 ")) << i;
    EXPECT_FALSE(client.was_reset());
  }
}

TEST(HttpServerSlow, GivesSlowAndIdleClientsUp) {
  HttpServer server({.request_seconds = 0.5, .idle_seconds = 1.2}, echo);
  RawClient slow(server.port(), 5);
  std::atomic<bool> done = false;
  // A byte every 50 ms wins no time.
  std::thread dripping([&] {
    slow.send("GET / HTTP/1.1\r\n");
    while (!done && slow.send("a")) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  EXPECT_THAT(slow.read_all(), StartsWith("HTTP/1.1 408 "));
  done = true;
  dripping.join();
  RawClient idle(server.port(), 5);
  idle.send(kGet);
  EXPECT_THAT(idle.read_answer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_TRUE(idle.ended());
}

TEST(HttpServer, AClientThatTakesNothingIsDropped) {
  HttpServer server({.write_seconds = 0.5}, [](const HttpServerRequest&, HttpExchange& exchange) {
    exchange.answer(200, "text/plain", std::string(30'000'000, 'x'));
  });
  RawClient client(server.port(), 5);
  client.send(kGet);
  EXPECT_TRUE(eventually([&] { return server.counts().connections_accepted == 1; }));
  EXPECT_TRUE(eventually([&] { return server.counts().connections_open == 0; }));
}

struct Guard {
  explicit Guard(std::atomic<int>& given) : count(given) { ++count; }
  ~Guard() { --count; }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  std::atomic<int>& count;
};

TEST(HttpServer, LaterAnswersStreamAndEndWithTheirClient) {
  std::atomic<int> alive = 0;
  HttpServer server({}, [&](const HttpServerRequest& request, HttpExchange& exchange) {
    exchange.attach(std::make_shared<Guard>(alive));
    if (request.path == "/stall") return;
    exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab");
    exchange.after(0.05, [](HttpExchange& later) {
      later.write("cd");
      later.after(0.05, [](HttpExchange& last) {
        last.write("ef");
        last.end();
      });
    });
  });
  RawClient client(server.port());
  // The second waits its turn behind the first.
  client.send(std::string(kGet) + kGet);
  EXPECT_EQ(body_of(client.read_answer()), "abcdef");
  EXPECT_EQ(body_of(client.read_answer()), "abcdef");
  EXPECT_TRUE(eventually([&] { return alive == 0; }));
  {
    RawClient gone(server.port());
    gone.send("GET /stall HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return alive == 1; }));
  }
  EXPECT_TRUE(eventually([&] { return alive == 0; }));
}

TEST(HttpServer, ResetsClosesAndLiesWhenAskedTo) {
  HttpServer server({}, [](const HttpServerRequest& request, HttpExchange& exchange) {
    if (request.path == "/reset") return exchange.reset();
    if (request.path == "/close") return exchange.close();
    if (request.path == "/throw") throw std::runtime_error("on purpose");
    exchange.write("not HTTP at all");
    exchange.close();
  });
  const auto ask = [&](const std::string& path, RawClient& client) {
    client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.read_all();
  };
  RawClient reset(server.port());
  EXPECT_EQ(ask("/reset", reset), "");
  EXPECT_TRUE(reset.was_reset());
  RawClient closed(server.port());
  EXPECT_EQ(ask("/close", closed), "");
  EXPECT_TRUE(closed.ended());
  EXPECT_FALSE(closed.was_reset());
  RawClient garbage(server.port());
  EXPECT_EQ(ask("/garbage", garbage), "not HTTP at all");
  RawClient thrown(server.port());
  EXPECT_THAT(ask("/throw", thrown), StartsWith("HTTP/1.1 500 "));
}

TEST(HttpServer, GoesAwayAndComesBackOnItsPort) {
  HttpServer server({.threads = 2}, echo);
  RawClient before(server.port());
  before.send(kGet);
  EXPECT_THAT(before.read_answer(), HasSubstr("200 OK"));
  server.set_away(true);
  EXPECT_EQ(before.read_all(), "");
  EXPECT_TRUE(before.was_reset());
  EXPECT_TRUE(eventually([&] { return !RawClient(server.port()).connected(); }));
  server.set_away(false);
  EXPECT_TRUE(eventually([&] { return RawClient(server.port()).connected(); }));
  EXPECT_EQ(output_of("curl -s " + server.url() + "/"), "GET / [] ");
}

TEST(HttpServer, StopsGracefullyAndAtOnce) {
  const auto slowly = [](const HttpServerRequest&, HttpExchange& exchange) {
    exchange.after(0.3, [](HttpExchange& later) { later.answer(200, "text/plain", "late"); });
  };
  for (const double grace_seconds : {5.0, 0.0}) {
    HttpServer server({}, slowly);
    RawClient idle(server.port());
    RawClient client(server.port());
    client.send(kGet);
    EXPECT_TRUE(eventually([&] { return server.counts().requests == 1; }));
    const auto started = std::chrono::steady_clock::now();
    server.stop(grace_seconds);
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(3));
    EXPECT_EQ(body_of(client.read_all()), grace_seconds > 0 ? "late" : "");
    EXPECT_EQ(idle.read_all(), "");
    EXPECT_EQ(server.counts().connections_open, 0);
  }
}

TEST(HttpServer, ListensWhereItIsToldAndSaysWhyItCannot) {
  EXPECT_THAT(HttpServer({.listen = ":0"}, echo).url(), StartsWith("http://127.0.0.1:"));
  EXPECT_THAT(HttpServer({.listen = "localhost:0"}, echo).url(), StartsWith("http://localhost:"));
  if (std::ifstream("/proc/net/if_inet6").peek() != EOF) {
    HttpServer six({.listen = "[::1]:0"}, echo);
    EXPECT_EQ(output_of("curl -s -g '" + six.url() + "/six'"), "GET /six [] ");
  }
  HttpServer first({}, echo);
  for (const std::string& listen :
       {std::string("127.0.0.1"), std::string("127.0.0.1:66000"), std::string("::1:80"),
        std::string("no.such.host.invalid:0"), std::string("127.0.0.1:x"), std::string(""),
        fmt::format("127.0.0.1:{}", first.port())}) {
    try {
      HttpServer second({.listen = listen}, echo);
      ADD_FAILURE() << listen;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user) << listen;
    }
  }
}

TEST(HttpServer, ManyConnectionsOverSeveralThreads) {
  HttpServer server({.threads = 2}, echo);
  std::vector<std::thread> clients;
  std::atomic<int> right = 0;
  for (int thread = 0; thread < 4; ++thread) {
    clients.emplace_back([&, thread] {
      for (int round = 0; round < 20; ++round) {
        RawClient client(server.port());
        for (int i = 0; i < 25; ++i) {
          client.send(fmt::format("GET /{}/{} HTTP/1.1\r\nHost: x\r\n\r\n", thread, i));
          right += body_of(client.read_answer()) == fmt::format("GET /{}/{} [] ", thread, i);
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 2000);
  EXPECT_EQ(server.counts().requests, 2000);
  EXPECT_EQ(server.counts().connections_accepted, 80);
}

}  // namespace
}  // namespace tpt::engine
