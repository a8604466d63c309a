// SHA-256 of bytes and files: what names a prompt, a recipe, an input.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace tpt {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view bytes);
  // 64 lower-case hex digits of everything so far; more may be added afterwards.
  std::string hex() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::string_view bytes);
// Reads the file in pieces; Error(io) where it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace tpt
