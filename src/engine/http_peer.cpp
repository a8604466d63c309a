#include "engine/http_peer.h"

#include "base/error.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace tpt::engine {

namespace {

void append(curl_slist*& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list, line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  list = longer;
}

// "10.0.0.7:8000" as CURLOPT_CONNECT_TO writes it; Error(user) where it is no address and port.
std::string connect_to_rule(const std::string& address) {
  const std::size_t close = address.rfind(']');
  const std::size_t colon = address.find(':', close == std::string::npos ? 0 : close);
  const std::string host = address.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  const bool good_port =
      std::all_of(port.begin(), port.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
  const bool good_host = !host.empty() && (host.front() == '[') == (host.back() == ']');
  if (!good_host || !good_port || host.find_first_of(" /@") != std::string::npos) {
    user_error("the address {} is not HOST, HOST:PORT or [IPv6]:PORT", address);
  }
  return "::" + host + ":" + port;
}

}  // namespace

std::shared_ptr<x509_store_st> read_trusted_certificates(const std::string& ca_file) {
  const char* library = curl_version_info(CURLVERSION_NOW)->ssl_version;
  if (library == nullptr || !std::string_view(library).starts_with("OpenSSL")) return nullptr;
  std::shared_ptr<x509_store_st> store(X509_STORE_new(), X509_STORE_free);
  if (store == nullptr) throw std::bad_alloc();
  X509_STORE_set_flags(store.get(), X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
  const int loaded = ca_file.empty() ? X509_STORE_set_default_paths(store.get())
                                     : X509_STORE_load_file(store.get(), ca_file.c_str());
  ERR_clear_error();
  if (loaded != 1) {
    user_error("the certificates in {} cannot be read; expected a file in PEM",
               ca_file.empty() ? "the system's folder" : ca_file);
  }
  return store;
}

HttpPeer::HttpPeer(HttpPeerOptions options, std::shared_ptr<x509_store_st> trusted)
    : options_(std::move(options)), trusted_(std::move(trusted)) {
  const std::string rule = options_.address.empty() ? "" : connect_to_rule(options_.address);
  // libcurl would wait for a "100 Continue" before it sends a large body.
  append(headers_, "Expect:");
  for (const std::string& line : options_.headers) append(headers_, line);
  if (!options_.key.empty()) append(headers_, options_.key.authorization_header());
  if (!rule.empty()) append(connect_to_, rule);
}

HttpPeer::~HttpPeer() {
  curl_slist_free_all(headers_);
  curl_slist_free_all(connect_to_);
}

}  // namespace tpt::engine
