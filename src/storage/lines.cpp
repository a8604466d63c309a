#include "storage/lines.h"

#include "storage/byte_stream.h"
#include "storage/raw_file.h"

#include <cstring>
#include <vector>

namespace tpt::storage {

struct LineReader::State {
  std::unique_ptr<ByteStream> stream;
  std::size_t max_line_bytes = 0;
  std::vector<char> buffer = std::vector<char>(std::size_t{1} << 16U);
  std::size_t begin = 0;  // of what was read and not given yet
  std::size_t end = 0;
  std::int64_t number = 0;
  bool at_end = false;

  // Makes room behind `end`, then reads; false at the end of the file.
  bool fill() {
    if (begin > 0) {
      std::memmove(buffer.data(), buffer.data() + begin, end - begin);
      end -= begin;
      begin = 0;
    }
    if (end == buffer.size()) buffer.resize(buffer.size() * 2);
    const std::size_t got = stream->read(buffer.data() + end, buffer.size() - end);
    taken += static_cast<std::int64_t>(got);
    end += got;
    at_end = got == 0;
    return got > 0;
  }

  // Drops the rest of a line that is too long, keeping its beginning at the front of the buffer.
  void skip_rest(std::size_t keep) {
    std::vector<char> piece(std::size_t{1} << 16U);
    for (;;) {
      const char* start = buffer.data() + begin + keep;
      const auto* newline = static_cast<const char*>(std::memchr(start, '\n', end - begin - keep));
      if (newline != nullptr) {
        rest = static_cast<std::size_t>(newline - buffer.data()) + 1;
        return;
      }
      end = begin + keep;
      const std::size_t got = stream->read(piece.data(), piece.size());
      taken += static_cast<std::int64_t>(got);
      if (got == 0) {
        at_end = true;
        rest = end;
        return;
      }
      if (buffer.size() < end + got) buffer.resize(end + got);
      std::memcpy(buffer.data() + end, piece.data(), got);
      end += got;
    }
  }

  std::size_t rest = 0;    // where the next line begins
  std::int64_t taken = 0;  // from the text, up to `end`
};

LineReader::LineReader(const std::filesystem::path& path, std::size_t max_line_bytes)
    : LineReader(open_byte_stream(path), max_line_bytes, 0) {}

LineReader::LineReader(std::unique_ptr<ByteStream> stream, std::size_t max_line_bytes,
                       std::int64_t from)
    : state_(std::make_unique<State>()) {
  state_->stream = std::move(stream);
  state_->max_line_bytes = max_line_bytes;
  state_->taken = from;
}

LineReader LineReader::starting_at(const std::filesystem::path& path, std::int64_t from) {
  if (from == 0) return {open_raw_file(path), kMaxLineBytes, 0};
  // The byte before tells whether a line begins here.
  LineReader reader(open_raw_file(path, from - 1), kMaxLineBytes, from - 1);
  Line before;
  if (reader.next(before)) reader.state_->number = 0;
  return reader;
}

std::int64_t LineReader::next_begin() const {
  return state_->taken - static_cast<std::int64_t>(state_->end - state_->rest);
}

LineReader::~LineReader() = default;
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;

std::int64_t LineReader::file_bytes() const { return state_->stream->file_bytes(); }

bool LineReader::next(Line& line) {
  State& state = *state_;
  state.begin = state.rest;
  std::size_t searched = 0;
  line.too_long = false;
  std::size_t length = 0;
  for (;;) {
    const char* start = state.buffer.data() + state.begin;
    const std::size_t have = state.end - state.begin;
    const auto* newline =
        static_cast<const char*>(std::memchr(start + searched, '\n', have - searched));
    if (newline != nullptr) {
      length = static_cast<std::size_t>(newline - start);
      state.rest = state.begin + length + 1;
      break;
    }
    searched = have;
    if (have > state.max_line_bytes) {
      line.too_long = true;
      length = state.max_line_bytes;
      state.skip_rest(length);
      break;
    }
    if (state.at_end || !state.fill()) {
      if (have == 0) return false;
      length = have;
      state.rest = state.begin + have;
      break;
    }
  }
  if (length > state.max_line_bytes) {
    line.too_long = true;
    length = state.max_line_bytes;
  }
  const char* start = state.buffer.data() + state.begin;
  if (!line.too_long && length > 0 && start[length - 1] == '\r') --length;
  line.text = {start, length};
  line.number = ++state.number;
  return true;
}

}  // namespace tpt::storage
