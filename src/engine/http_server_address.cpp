#include "engine/http_server_address.h"

#include "base/error.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tpt::engine {
namespace {

constexpr int kBacklog = 16384;  // the kernel cuts it to net.core.somaxconn

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// A listening socket on one resolved address, or -1 with errno set.
int listen_on_one(const addrinfo& found, bool both_families) {
  const int handle =
      socket(found.ai_family, found.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, found.ai_protocol);
  if (handle < 0) return -1;
  const int on = 1;
  const int off = 0;
  setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (found.ai_family == AF_INET6) {
    setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, both_families ? &off : &on, sizeof on);
  }
  if (bind(handle, found.ai_addr, found.ai_addrlen) == 0 && listen(handle, kBacklog) == 0) {
    return handle;
  }
  const int reason = errno;
  close(handle);
  errno = reason;
  return -1;
}

std::int64_t port_of(int handle) {
  sockaddr_storage name{};
  socklen_t bytes = sizeof name;
  TPT_CHECK(getsockname(handle, reinterpret_cast<sockaddr*>(&name), &bytes) == 0);
  return name.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6*>(&name)->sin6_port)
                                    : ntohs(reinterpret_cast<sockaddr_in*>(&name)->sin_port);
}

}  // namespace

HttpAddress parse_http_address(std::string_view text) {
  const auto refuse = [&] {
    user_error(
        "listen address: got {}, expected HOST:PORT, :PORT or [IPV6]:PORT with port 0 to 65535",
        text.empty() ? "nothing" : text);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) refuse();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  HttpAddress address;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      address.port < 0 || address.port > 65535) {
    refuse();
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) refuse();
  } else if (host.find_first_of(":[]/ ") != std::string_view::npos) {
    refuse();
  }
  address.host = host == "*" ? std::string_view() : host;
  return address;
}

int listen_on(const HttpAddress& address, std::int64_t& bound_port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(address.port);
  const int failed = getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                 port.c_str(), &hints, &list);
  if (failed != 0) {
    user_error("cannot listen on {}:{}: {}", address.host, address.port, gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  int reason = 0;
  // Every address of the machine: one IPv6 socket takes both families, where there is IPv6.
  for (const int family : {AF_INET6, AF_INET}) {
    for (const addrinfo* found = list; found != nullptr; found = found->ai_next) {
      if (address.host.empty() && found->ai_family != family) continue;
      const int handle = listen_on_one(*found, address.host.empty());
      if (handle >= 0) {
        bound_port = port_of(handle);
        return handle;
      }
      // A port in use is the answer, not a reason to try the other family.
      reason = errno;
      if (reason == EADDRINUSE) break;
    }
    if (reason == EADDRINUSE) break;
  }
  user_error("cannot listen on {}:{}: {}", address.host, address.port, std::strerror(reason));
}

std::string url_of(const HttpAddress& address) {
  std::string host = address.host;
  if (host.empty() || host == "0.0.0.0") host = "127.0.0.1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("http://{}:{}", host, address.port);
}

}  // namespace tpt::engine
