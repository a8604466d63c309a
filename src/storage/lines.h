// Text files by lines, plain, gzip or zstd (told by their first bytes), in bounded memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace tpt::storage {

class ByteStream;

struct Line {
  std::string_view text;    // without its "\n" (or "\r\n"); valid until the next call
  std::int64_t number = 0;  // from 1
  bool too_long = false;    // longer than the limit: `text` is its beginning, the rest was skipped
};

class LineReader {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{256} << 20U;

  // Error(io) where the file cannot be opened.
  explicit LineReader(const std::filesystem::path& path,
                      std::size_t max_line_bytes = kMaxLineBytes);
  // The lines that begin at byte `from` or behind it, of a file that is no archive. Their numbers
  // count from there.
  static LineReader starting_at(const std::filesystem::path& path, std::int64_t from);
  ~LineReader();
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;

  // False at the end. Lines are split on "\n" only. Error(data) for a damaged or truncated archive,
  // naming the file.
  [[nodiscard]] bool next(Line& line);
  // Bytes taken from the file so far, before decompression: for progress.
  std::int64_t file_bytes() const;
  // Where the next line begins, in the bytes of the text.
  std::int64_t next_begin() const;

 private:
  LineReader(std::unique_ptr<ByteStream> stream, std::size_t max_line_bytes, std::int64_t from);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tpt::storage
