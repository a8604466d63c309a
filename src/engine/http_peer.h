// Where requests go and how: one server with its headers, TLS, proxy and version of HTTP. Made
// once, shared by all requests to it; connections are kept for each peer.
#pragma once

#include "engine/api_key.h"

#include <memory>
#include <string>
#include <vector>

struct curl_slist;
struct x509_store_st;

namespace tpt::engine {

enum class HttpVersion {
  http_1_1,
  http_2  // where the server agrees during the TLS handshake; 1.1 without TLS
};

struct HttpPeerOptions {
  std::vector<std::string> headers;  // "Name: value"
  ApiKey key;                        // sent as a bearer token
  HttpVersion version = HttpVersion::http_1_1;
  double connect_seconds = 10;  // name, connection, TLS
  std::string ca_file;          // PEM; "": the system's
  bool verify_tls = true;
  bool tls = true;    // false: it is never spoken to by TLS, and no certificates are read
  std::string proxy;  // "": from the environment (http_proxy, no_proxy, ...); "none": never
  // Connect to this address instead of the URL's host, whose name stays in Host and in TLS:
  // "10.0.0.7", "10.0.0.7:8000", "[::1]:8000". For one of several addresses of a name.
  std::string address;
};

// The certificates in `ca_file` ("": the system's, or those that SSL_CERT_FILE names). Shared by
// all peers with the same file, because reading them takes milliseconds and megabytes. nullptr
// where libcurl was built without OpenSSL and has to read them in its own way. Error(user) for a
// file that cannot be read or holds no certificate.
std::shared_ptr<x509_store_st> read_trusted_certificates(const std::string& ca_file);

class HttpPeer {
 public:
  // HttpClient::make_peer() is the usual way. Error(user) for an address that is none.
  HttpPeer(HttpPeerOptions options, std::shared_ptr<x509_store_st> trusted);
  ~HttpPeer();
  HttpPeer(const HttpPeer&) = delete;
  HttpPeer& operator=(const HttpPeer&) = delete;

  const HttpPeerOptions& options() const { return options_; }
  // What libcurl wants; valid as long as the peer.
  curl_slist* headers() const { return headers_; }
  curl_slist* connect_to() const { return connect_to_; }
  x509_store_st* trusted() const { return trusted_.get(); }

 private:
  HttpPeerOptions options_;
  std::shared_ptr<x509_store_st> trusted_;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
};

}  // namespace tpt::engine
