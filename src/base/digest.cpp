#include "base/digest.h"

#include "base/error.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

namespace tpt {

namespace {

// Looking an algorithm up takes longer than hashing a short text with it.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  TPT_CHECK(kAlgorithm != nullptr);
  return kAlgorithm;
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  Context() {
    TPT_CHECK(handle != nullptr);
    TPT_CHECK(EVP_DigestInit_ex(handle, sha256_algorithm(), nullptr) == 1);
  }
  ~Context() { EVP_MD_CTX_free(handle); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
  TPT_CHECK(EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size()) == 1);
  return *this;
}

std::string Sha256::hex() const {
  const Context copy;
  TPT_CHECK(EVP_MD_CTX_copy_ex(copy.handle, context_->handle) == 1);
  std::array<unsigned char, 32> bytes{};
  TPT_CHECK(EVP_DigestFinal_ex(copy.handle, bytes.data(), nullptr) == 1);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) { return Sha256().update(bytes).hex(); }

std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    io_error("cannot read {}", path.string());
  }
  Sha256 hash;
  std::vector<char> buffer(std::size_t{1} << 20U);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.update({buffer.data(), static_cast<std::size_t>(file.gcount())});
  }
  if (file.bad()) {
    io_error("cannot read {} to its end", path.string());
  }
  return hash.hex();
}

}  // namespace tpt
