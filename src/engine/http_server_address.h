// Where a server listens: "HOST:PORT" to sockets and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tpt::engine {

struct HttpAddress {
  std::string host;  // "" is every address of the machine
  std::int64_t port = 0;
};

// Error(user) for text that is not HOST:PORT, :PORT, *:PORT or [IPV6]:PORT.
HttpAddress parse_http_address(std::string_view text);

// A non-blocking socket that listens on `address`; `bound_port` is the port it has. Error(user)
// with the system's reason where that is not possible.
int listen_on(const HttpAddress& address, std::int64_t& bound_port);

// "http://HOST:PORT" as a client on this machine writes it.
std::string url_of(const HttpAddress& address);

}  // namespace tpt::engine
