// The addresses behind a host name.
#pragma once

#include <string>
#include <vector>

namespace tpt::engine {

// Every address of `host` with `port`, sorted, each once: "10.0.0.7:8000", "[fd00::7]:8000". Asks
// the system's resolver and waits for it. Error(remote) where it knows none.
std::vector<std::string> resolve_addresses(const std::string& host, int port);

}  // namespace tpt::engine
