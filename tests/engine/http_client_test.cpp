#include "engine/http_client.h"

#include "base/error.h"
#include "engine/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tpt::engine {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;

struct Got {
  HttpOutcome outcome;
  std::string body;
};

std::future<Got> send(HttpClient& client, HttpCall call) {
  auto promise = std::make_shared<std::promise<Got>>();
  auto body = std::make_shared<std::string>();
  if (!call.on_data) {
    call.on_data = [body](int, std::string_view bytes) {
      *body += bytes;
      return true;
    };
  }
  call.on_done = [promise, body](const HttpOutcome& outcome) {
    promise->set_value({outcome, *body});
  };
  client.send(std::move(call));
  return promise->get_future();
}

Got get(std::future<Got> future) {
  if (future.wait_for(std::chrono::seconds(60)) != std::future_status::ready) {
    ADD_FAILURE() << "no outcome";
    return {};
  }
  return future.get();
}

HttpServer echo_server() {
  return HttpServer({}, [](const HttpServerRequest& request, HttpExchange& exchange) {
    exchange.answer(200, "text/plain",
                    std::string(request.method) + " " + std::string(request.target) + " " +
                        std::string(request.body));
  });
}

// Sends nothing but the head of an answer and keeps the connection.
void answer_head_only(const HttpServerRequest&, HttpExchange& exchange) {
  exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst");
}

TEST(HttpClient, ManyThreadsGetTheirOwnAnswersOverFewConnections) {
  HttpServer server = echo_server();
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string body = std::to_string(t) + ":" + std::to_string(i);
        const Got got =
            get(send(client, {.peer = peer, .url = server.url() + "/a?b", .body = body}));
        right += got.outcome.status == 200 && got.body == "POST /a?b " + body ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
  EXPECT_LE(server.counts().connections_accepted, 8);
  EXPECT_EQ(client.in_flight(), 0);
  EXPECT_EQ(get(send(client, {.peer = peer, .url = server.url() + "/g"})).body, "GET /g ");
}

TEST(HttpClient, SaysWhatWentWrong) {
  HttpClient client;
  const auto peer = client.make_peer({.connect_seconds = 5, .proxy = "none"});
  const Got refused = get(send(client, {.peer = peer, .url = "http://127.0.0.1:1/"}));
  EXPECT_EQ(refused.outcome.fault, HttpFault::unreachable);
  EXPECT_FALSE(refused.outcome.error.empty());
  const Got nameless = get(send(client, {.peer = peer, .url = "http://no.such.host.invalid/"}));
  EXPECT_EQ(nameless.outcome.fault, HttpFault::unreachable);
  const Got wrong = get(send(client, {.peer = peer, .url = "file:///etc/passwd"}));
  EXPECT_EQ(wrong.outcome.fault, HttpFault::broken);
  EXPECT_EQ(wrong.body, "");
}

TEST(HttpClient, CutAndWrongAnswersAreNotWhole) {
  const std::vector<std::pair<std::string, HttpFault>> answers = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", HttpFault::unreachable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
       HttpFault::unreachable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", HttpFault::unreachable},
      {"SSH-2.0-OpenSSH\r\n", HttpFault::broken},
      {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
       HttpFault::broken},
      {"", HttpFault::unreachable}};
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  for (const auto& [bytes, fault] : answers) {
    HttpServer server({}, [&bytes = bytes](const HttpServerRequest&, HttpExchange& exchange) {
      exchange.write(bytes);
      exchange.close();
    });
    const Got got = get(send(client, {.peer = peer, .url = server.url(), .body = "x"}));
    EXPECT_EQ(got.outcome.fault, fault) << bytes << ": " << got.outcome.error;
  }
}

TEST(HttpClient, HoldsDeadlineAndIdleTime) {
  HttpServer silent({}, &answer_head_only);
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  const auto started = steady_clock::now();
  const Got idle =
      get(send(client, {.peer = peer, .url = silent.url(), .body = "x", .idle_seconds = 0.2}));
  EXPECT_EQ(idle.outcome.fault, HttpFault::timed_out);
  EXPECT_EQ(idle.body, "first");
  EXPECT_THAT(idle.outcome.error, HasSubstr("no byte"));
  const Got late =
      get(send(client, {.peer = peer, .url = silent.url(), .body = "x", .deadline_seconds = 0.3}));
  EXPECT_EQ(late.outcome.fault, HttpFault::timed_out);
  EXPECT_THAT(late.outcome.error, HasSubstr("0.3 s"));
  EXPECT_GE(late.outcome.seconds, 0.3);
  EXPECT_LT(steady_clock::now() - started, std::chrono::seconds(20));
  for (int i = 0; i < 500 && silent.counts().connections_open > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(silent.counts().connections_open, 0);
}

TEST(HttpClient, ConnectTimesOutWhereNobodyAccepts) {
  // A listener that never accepts: once its queue is full, further connections hang.
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  HttpClient client;
  const auto peer = client.make_peer({.connect_seconds = 0.3, .proxy = "none"});
  std::vector<std::future<Got>> futures;
  for (int i = 0; i < 5; ++i) {
    futures.push_back(send(client, {.peer = peer, .url = url, .deadline_seconds = 3}));
  }
  int connects = 0;
  for (auto& future : futures) {
    const Got got = get(std::move(future));
    EXPECT_EQ(got.outcome.fault, HttpFault::timed_out) << got.outcome.error;
    connects += got.outcome.seconds < 2 ? 1 : 0;
  }
  EXPECT_GE(connects, 3);
  close(listener);
}

TEST(HttpClient, StoppingClosesTheConnection) {
  HttpServer silent({}, &answer_head_only);
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  const auto closed = [&] {
    for (int i = 0; i < 1000 && silent.counts().connections_open > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return silent.counts().connections_open == 0;
  };
  std::stop_source source;
  auto cancelled =
      send(client, {.peer = peer, .url = silent.url(), .body = "x", .cancel = source.get_token()});
  while (silent.counts().requests < 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  source.request_stop();
  EXPECT_EQ(get(std::move(cancelled)).outcome.fault, HttpFault::cancelled);
  EXPECT_TRUE(closed());
  const Got before = get(
      send(client, {.peer = peer, .url = silent.url(), .body = "x", .cancel = source.get_token()}));
  EXPECT_EQ(before.outcome.fault, HttpFault::cancelled);
  EXPECT_EQ(silent.counts().requests, 1);
  const Got stopped = get(send(client, {.peer = peer,
                                        .url = silent.url(),
                                        .body = "x",
                                        .on_data = [](int, std::string_view) { return false; }}));
  EXPECT_EQ(stopped.outcome.fault, HttpFault::stopped);
  EXPECT_TRUE(closed());
  auto first = send(client, {.peer = peer, .url = silent.url(), .body = "x"});
  auto second = send(client, {.peer = peer, .url = silent.url(), .body = "x"});
  client.cancel_all(peer);
  EXPECT_EQ(get(std::move(first)).outcome.fault, HttpFault::cancelled);
  EXPECT_EQ(get(std::move(second)).outcome.fault, HttpFault::cancelled);
  EXPECT_TRUE(closed());
}

TEST(HttpClient, CancelRacesWithTheAnswer) {
  HttpServer server = echo_server();
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  int cancelled = 0;
  for (int i = 0; i < 300; ++i) {
    std::stop_source source;
    auto future = send(
        client, {.peer = peer, .url = server.url(), .body = "x", .cancel = source.get_token()});
    if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(i));
    source.request_stop();
    const Got got = get(std::move(future));
    EXPECT_TRUE(got.outcome.fault == HttpFault::none || got.outcome.fault == HttpFault::cancelled);
    cancelled += got.outcome.fault == HttpFault::cancelled ? 1 : 0;
  }
  EXPECT_GT(cancelled, 0);
  EXPECT_EQ(client.in_flight(), 0);
}

TEST(HttpClient, NothingIsCalledAfterTheDestructor) {
  HttpServer silent({}, &answer_head_only);
  std::atomic<bool> gone = false;
  std::atomic<int> late = 0;
  std::stop_source source;
  {
    HttpClient client;
    const auto peer = client.make_peer({.proxy = "none"});
    for (int i = 0; i < 200; ++i) {
      client.send({.peer = peer,
                   .url = silent.url(),
                   .body = "x",
                   .on_data =
                       [&](int, std::string_view) {
                         late += gone ? 1 : 0;
                         return true;
                       },
                   .on_done = [&](const HttpOutcome&) { late += gone ? 1 : 0; },
                   .cancel = source.get_token()});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  gone = true;
  source.request_stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(late, 0);
}

TEST(HttpClient, ADeadKeptConnectionIsReplaced) {
  std::atomic<int> requests = 0;
  HttpServer server({.idle_seconds = 0.1}, [&](const HttpServerRequest&, HttpExchange& exchange) {
    ++requests;
    exchange.answer(200, "text/plain", "ok");
  });
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(get(send(client, {.peer = peer, .url = server.url(), .body = "x"})).body, "ok");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_EQ(requests, 5);
}

// libcurl would silently send it again, and the work would be paid twice.
TEST(HttpClient, ARequestThatWasWorkedOnIsNotSentAgain) {
  std::atomic<int> requests = 0;
  HttpServer server({}, [&](const HttpServerRequest&, HttpExchange& exchange) {
    if (++requests == 1) {
      exchange.answer(200, "text/plain", "ok");
    } else {
      exchange.after(1.3, [](HttpExchange& late) { late.reset(); });
    }
  });
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  EXPECT_EQ(get(send(client, {.peer = peer, .url = server.url(), .body = "x"})).body, "ok");
  const Got got = get(send(client, {.peer = peer, .url = server.url(), .body = "x"}));
  EXPECT_EQ(got.outcome.fault, HttpFault::unreachable);
  EXPECT_EQ(requests, 2);
}

TEST(HttpClient, ASlowStreamIsReadInGulpsAndWhole) {
  std::atomic<int> pieces = 0;
  HttpServer server({}, [](const HttpServerRequest&, HttpExchange& exchange) {
    exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n");
    auto left = std::make_shared<int>(600);
    auto drip = std::make_shared<std::function<void(HttpExchange&)>>();
    exchange.attach(drip);
    *drip = [left, raw = drip.get()](HttpExchange& same) {
      same.write("x");
      if (--*left == 0) {
        same.end();
      } else {
        same.after(0.003, *raw);
      }
    };
    exchange.after(0.003, *drip);
  });
  HttpClient client;
  const auto peer = client.make_peer({.proxy = "none"});
  std::size_t bytes = 0;
  auto future = send(client, {.peer = peer,
                              .url = server.url(),
                              .body = "x",
                              .idle_seconds = 5,
                              .paced = true,
                              .on_data = [&](int, std::string_view piece) {
                                ++pieces;
                                bytes += piece.size();
                                return true;
                              }});
  EXPECT_EQ(get(std::move(future)).outcome.fault, HttpFault::none);
  EXPECT_EQ(bytes, 600U);
  EXPECT_LT(pieces, 200);
  EXPECT_EQ(get(send(client, {.peer = peer, .url = server.url(), .body = "x"})).body.size(), 600U);
}

TEST(HttpClient, AnAddressMayStandForTheName) {
  HttpServer server({}, [](const HttpServerRequest& request, HttpExchange& exchange) {
    exchange.answer(200, "text/plain", request.header("Host"));
  });
  HttpClient client;
  const std::string place = "127.0.0.1:" + std::to_string(server.port());
  const auto peer = client.make_peer({.proxy = "none", .address = place});
  EXPECT_EQ(get(send(client, {.peer = peer, .url = "http://fleet.invalid:8000/"})).body,
            "fleet.invalid:8000");
  for (const char* wrong : {"a b", "10.0.0.1:x", "[::1", "h@x", ":80"}) {
    EXPECT_THROW(client.make_peer({.address = wrong}), Error) << wrong;
  }
}

TEST(HttpClient, GoesThroughAProxyFromOptionOrEnvironment) {
  std::mutex mutex;
  std::vector<std::string> targets;
  HttpServer proxy({}, [&](const HttpServerRequest& request, HttpExchange& exchange) {
    const std::scoped_lock lock(mutex);
    targets.emplace_back(request.target);
    exchange.answer(200, "text/plain", "by proxy");
  });
  HttpClient client;
  const HttpCall call{.peer = client.make_peer({.proxy = proxy.url()}),
                      .url = "http://model.invalid/v1/models"};
  EXPECT_EQ(get(send(client, call)).body, "by proxy");
  setenv("http_proxy", proxy.url().c_str(), 1);
  HttpCall from_environment = call;
  from_environment.peer = client.make_peer({});
  EXPECT_EQ(get(send(client, from_environment)).body, "by proxy");
  HttpCall none = call;
  none.peer = client.make_peer({.proxy = "none"});
  EXPECT_EQ(get(send(client, none)).outcome.fault, HttpFault::unreachable);
  unsetenv("http_proxy");
  EXPECT_THAT(targets, testing::Each("http://model.invalid/v1/models"));
  EXPECT_EQ(targets.size(), 2U);
}

TEST(HttpClient, RefusesACaFileThatIsNone) {
  HttpClient client;
  EXPECT_THROW(client.make_peer({.ca_file = "/no/such/file"}), Error);
  EXPECT_THROW(client.make_peer({.ca_file = "/dev/null"}), Error);
}

}  // namespace
}  // namespace tpt::engine
