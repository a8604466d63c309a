#include "pack/shard_writer.h"

#include "base/error.h"
#include "pack/shard_layout.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <bit>
#include <string>

namespace tpt::pack {
namespace {

static_assert(std::endian::native == std::endian::little, "the layouts are little-endian");

// Gathers small writes.
class Output {
 public:
  explicit Output(const std::filesystem::path& path) : file_(path) {}

  template <typename T>
  void number(T value) {
    text(std::string_view(reinterpret_cast<const char*>(&value), sizeof(T)));
  }
  void text(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= kBuffer) {
      flush();
    }
  }
  void commit() {
    flush();
    file_.commit();
  }

 private:
  static constexpr std::size_t kBuffer = std::size_t{1} << 20U;

  void flush() {
    file_.write(buffer_);
    buffer_.clear();
  }

  storage::AtomicFile file_;
  std::string buffer_;
};

std::filesystem::path with_ending(const std::filesystem::path& prefix, const char* ending) {
  return prefix.string() + ending;
}

std::vector<Span> runs_of(const std::vector<Part>& parts) {
  std::vector<Span> runs;
  for (const Part& part : parts) {
    if (runs.empty() || runs.back().kind != part.kind) {
      runs.push_back({part.kind, 0});
    }
    runs.back().tokens += static_cast<std::int32_t>(part.tokens);
  }
  return runs;
}

void write_index(const std::filesystem::path& prefix, const ShardContents& contents,
                 std::span<const std::uint64_t> order, std::size_t id_bytes) {
  Output index(with_ending(prefix, ".idx"));
  index.text(kIndexMagic);
  index.number(kIndexVersion);
  index.number(id_bytes == 2 ? kDtypeUint16 : kDtypeInt32);
  index.number(static_cast<std::uint64_t>(order.size()));
  index.number(static_cast<std::uint64_t>(order.size() + 1));
  for (const std::uint64_t sequence : order) {
    index.number(static_cast<std::int32_t>(contents.tokens(sequence)));
  }
  std::int64_t offset = 0;
  for (const std::uint64_t sequence : order) {
    index.number(offset);
    offset += static_cast<std::int64_t>(contents.tokens(sequence) * id_bytes);
  }
  for (std::size_t i = 0; i <= order.size(); ++i) {
    index.number(static_cast<std::int64_t>(i));
  }
  index.commit();
}

void write_spans(const std::filesystem::path& prefix, const ShardContents& contents,
                 std::span<const std::uint64_t> order) {
  std::vector<std::uint64_t> first = {0};
  first.reserve(order.size() + 1);
  for (const std::uint64_t sequence : order) {
    first.push_back(first.back() + runs_of(contents.parts(sequence)).size());
  }
  Output spans(with_ending(prefix, ".spans"));
  spans.text(kSpansMagic);
  spans.number(kSpansVersion);
  spans.number(static_cast<std::uint64_t>(order.size()));
  spans.number(first.back());
  for (const std::uint64_t number : first) {
    spans.number(number);
  }
  for (const std::uint64_t sequence : order) {
    for (const Span& run : runs_of(contents.parts(sequence))) {
      spans.number(static_cast<std::uint8_t>(run.kind));
      spans.number(run.tokens);
    }
  }
  spans.commit();
}

void write_names(const std::filesystem::path& prefix, const ShardContents& contents,
                 std::span<const std::uint64_t> order) {
  Output names(with_ending(prefix, ".names"));
  names.text(kNamesMagic);
  names.number(kNamesVersion);
  names.number(static_cast<std::uint64_t>(order.size()));
  std::uint64_t end = 0;
  names.number(end);
  for (const std::uint64_t sequence : order) {
    end += contents.name(sequence).size();
    names.number(end);
  }
  for (const std::uint64_t sequence : order) {
    names.text(contents.name(sequence));
  }
  names.commit();
}

}  // namespace

std::vector<Part> ShardContents::parts(std::size_t sequence) const {
  std::vector<Part> parts;
  const auto add = [&](std::size_t from, Kind only, bool all) {
    std::size_t offset = 0;
    for (const Span& span : spool_.spans(from)) {
      const auto tokens = static_cast<std::size_t>(span.tokens);
      if (all || span.kind == only) {
        parts.push_back({span.kind, spool_.ids(from, offset, tokens), tokens});
      }
      offset += tokens;
    }
  };
  if (donors_.empty() || donors_[sequence] == sequence) {
    add(sequence, Kind::thinking, true);
    return parts;
  }
  std::size_t offset = 0;
  for (const Span& span : spool_.spans(sequence)) {
    const auto tokens = static_cast<std::size_t>(span.tokens);
    if (span.kind == Kind::thinking) {
      add(donors_[sequence], Kind::thinking, false);
    } else {
      parts.push_back({span.kind, spool_.ids(sequence, offset, tokens), tokens});
    }
    offset += tokens;
  }
  return parts;
}

std::size_t ShardContents::tokens(std::size_t sequence) const {
  if (donors_.empty()) {
    return spool_.tokens(sequence);
  }
  std::size_t tokens = 0;
  for (const Part& part : parts(sequence)) {
    tokens += part.tokens;
  }
  return tokens;
}

KindCounts write_shard_files(const std::filesystem::path& prefix, const ShardContents& contents,
                             std::span<const std::uint64_t> order, std::size_t id_bytes,
                             const std::function<void(std::size_t)>& each) {
  KindCounts counts{};
  Output bin(with_ending(prefix, ".bin"));
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const Part& part : contents.parts(order[i])) {
      bin.text(part.ids);
      counts[static_cast<std::size_t>(part.kind)] += static_cast<std::int64_t>(part.tokens);
    }
    each(i);
  }
  bin.commit();
  write_spans(prefix, contents, order);
  write_names(prefix, contents, order);
  write_index(prefix, contents, order, id_bytes);
  return counts;
}

}  // namespace tpt::pack
