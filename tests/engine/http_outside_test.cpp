// The client against servers that others wrote: Python's TLS, nghttp2's HTTP/2.
#include "engine/http_client.h"
#include "temporary_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tpt::engine {
namespace {

using testing::HasSubstr;

bool has_program(const char* name) {
  return std::system(fmt::format("command -v {} > /dev/null 2>&1", name).c_str()) == 0;
}

// A program that ends with its object; its first line of output can be read.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (pipe(in.data()) != 0 || pipe(out.data()) != 0) std::abort();
    std::vector<char*> pointers;
    for (const std::string& argument : arguments) {
      pointers.push_back(const_cast<char*>(argument.c_str()));
    }
    pointers.push_back(nullptr);
    process_ = fork();
    if (process_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      for (const int file : {in[0], in[1], out[0], out[1]}) close(file);
      execvp(pointers[0], pointers.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  ~Program() {
    close(input_);
    close(output_);
    kill(process_, SIGTERM);
    waitpid(process_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string first_line() const {
    std::string line;
    for (char c = 0; read(output_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
};

// A certificate for localhost and 127.0.0.1 that signs itself.
void make_certificate(const std::filesystem::path& folder, const std::string& name) {
  const std::string command = fmt::format(
      "openssl req -x509 -newkey rsa:2048 -nodes -keyout {0}/{1}.key -out {0}/{1}.pem -days 2 "
      "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null",
      folder.string(), name);
  ASSERT_EQ(std::system(command.c_str()), 0);
}

struct Got {
  HttpOutcome outcome;
  std::string body;
};

Got post(HttpClient& client, const std::shared_ptr<const HttpPeer>& peer, const std::string& url,
         const std::string& body) {
  std::promise<Got> promise;
  auto text = std::make_shared<std::string>();
  client.send(
      {.peer = peer,
       .url = url,
       .body = body,
       .deadline_seconds = 60,
       .on_data =
           [text](int, std::string_view bytes) {
             *text += bytes;
             return true;
           },
       .on_done = [&](const HttpOutcome& outcome) { promise.set_value({outcome, *text}); }});
  return promise.get_future().get();
}

class TlsServer {
 public:
  TlsServer() {
    make_certificate(folder_.path(), "own");
    make_certificate(folder_.path(), "other");
    program_ = std::make_unique<Program>(std::vector<std::string>{
        TPT_PYTHON, std::string(TPT_SOURCE_DIR) + "/tests/engine/tls_server.py", file("own.pem"),
        file("own.key")});
    const std::string ports = program_->first_line();
    const std::size_t space = ports.find(' ');
    if (space == std::string::npos) return;
    tls_port = ports.substr(0, space);
    proxy = "http://127.0.0.1:" + ports.substr(space + 1);
  }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  std::string tls_port;
  std::string proxy;

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Program> program_;
};

TEST(HttpTls, TrustsTheCaFileAndNothingElse) {
  if (!has_program("openssl") || access(TPT_PYTHON, X_OK) != 0) {
    GTEST_SKIP() << "openssl or the tests' Python is missing";
  }
  const TlsServer server;
  ASSERT_FALSE(server.tls_port.empty());
  const std::string url = "https://localhost:" + server.tls_port + "/v1";
  const std::string long_body(300'000, 'b');
  HttpClient client;
  const auto trusting = client.make_peer({.ca_file = server.file("own.pem"), .proxy = "none"});
  EXPECT_EQ(post(client, trusting, url, "x").outcome.error, "");
  EXPECT_EQ(post(client, trusting, url, long_body).body, long_body);
  for (const std::string& ca_file : {std::string(), server.file("other.pem")}) {
    const auto peer = client.make_peer({.ca_file = ca_file, .proxy = "none"});
    const Got got = post(client, peer, url, "secret");
    EXPECT_EQ(got.outcome.fault, HttpFault::unreachable);
    EXPECT_THAT(got.outcome.error, HasSubstr("certificate"));
    EXPECT_EQ(got.outcome.status, 0);
  }
  // A certificate for another name is none.
  const Got misnamed =
      post(client,
           client.make_peer(
               {.ca_file = server.file("own.pem"), .proxy = "none", .address = "127.0.0.1"}),
           "https://other.invalid:" + server.tls_port + "/v1", "x");
  EXPECT_EQ(misnamed.outcome.fault, HttpFault::unreachable);
  const auto careless = client.make_peer({.verify_tls = false, .proxy = "none"});
  EXPECT_EQ(post(client, careless, url, "x").body, "x");
}

TEST(HttpTls, GoesThroughATunnelOfTheProxy) {
  if (!has_program("openssl") || access(TPT_PYTHON, X_OK) != 0) {
    GTEST_SKIP() << "openssl or the tests' Python is missing";
  }
  const TlsServer server;
  ASSERT_FALSE(server.tls_port.empty());
  HttpClient client;
  const auto peer = client.make_peer({.ca_file = server.file("own.pem"), .proxy = server.proxy});
  const std::string url = "https://localhost:" + server.tls_port + "/v1";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(post(client, peer, url, "x").body, "x");
  EXPECT_EQ(post(client, client.make_peer({.proxy = "none"}), server.proxy + "/tunnels", "").body,
            "1");
}

TEST(HttpTwo, IsAgreedUponInTls) {
  if (!has_program("nghttpd") || !has_program("openssl")) {
    GTEST_SKIP() << "nghttpd (Debian: nghttp2-server) or openssl is missing";
  }
  const TemporaryFolder folder;
  make_certificate(folder.path(), "own");
  const std::string certificate = (folder / "own.pem").string();
  const std::string port = std::to_string(20'000 + getpid() % 10'000);
  const Program server({"nghttpd", "--echo-upload", "--address=127.0.0.1", port,
                        (folder / "own.key").string(), certificate});
  HttpClient client;
  const auto peer =
      client.make_peer({.version = HttpVersion::http_2, .ca_file = certificate, .proxy = "none"});
  const std::string url = "https://localhost:" + port + "/v1";
  for (int i = 0; i < 200; ++i) {
    if (post(client, peer, url, "up?").outcome.fault == HttpFault::none) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::atomic<int> left = 200;
  std::atomic<int> right = 0;
  std::promise<void> all;
  for (int i = 0; i < 200; ++i) {
    const std::string body = "body " + std::to_string(i);
    auto text = std::make_shared<std::string>();
    client.send({.peer = peer,
                 .url = url,
                 .body = body,
                 .deadline_seconds = 60,
                 .on_data =
                     [text](int, std::string_view bytes) {
                       *text += bytes;
                       return true;
                     },
                 .on_done =
                     [&, text, body](const HttpOutcome& outcome) {
                       EXPECT_EQ(outcome.error, "");
                       right += outcome.status == 200 && *text == body ? 1 : 0;
                       if (--left == 0) all.set_value();
                     }});
  }
  all.get_future().get();
  EXPECT_EQ(right, 200);
}

}  // namespace
}  // namespace tpt::engine
