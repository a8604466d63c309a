// Tokenised samples in corpus order, on disk until the shuffled shard is written from them.
#pragma once

#include "pack/mapped_file.h"
#include "records/sample.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tpt::pack {

// Writes, then reads, four files in a folder of its own, which goes with the object.
class Spool {
 public:
  // Removes what an earlier run may have left. `id_bytes`: 2 (u16) or 4 (i32) bytes an id, as the
  // shard will have them.
  Spool(std::filesystem::path folder, std::size_t id_bytes);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // `item` tells documents apart.
  void put(const TokenSequence& sequence, std::uint64_t item);
  // After this the sequences can be read.
  void finish();

  std::size_t sequences() const { return index_.size() / sizeof(Entry); }
  std::size_t tokens(std::size_t sequence) const { return entry(sequence).tokens; }
  std::uint64_t item(std::size_t sequence) const { return entry(sequence).item; }
  std::vector<Span> spans(std::size_t sequence) const;
  // The id of the document or example it is made of.
  std::string_view name(std::size_t sequence) const;
  // The ids from `offset` on as they stand in the shard.
  std::string_view ids(std::size_t sequence, std::size_t offset, std::size_t tokens) const;

 private:
  struct Entry {
    std::uint64_t first_token = 0;
    std::uint64_t first_span = 0;
    std::uint64_t item = 0;
    std::uint32_t tokens = 0;
    std::uint32_t spans = 0;
    std::uint64_t first_name_byte = 0;
    std::uint64_t name_bytes = 0;
  };
  struct Output;

  Entry entry(std::size_t sequence) const { return index_.at<Entry>(sequence * sizeof(Entry)); }

  std::filesystem::path folder_;
  std::size_t id_bytes_;
  std::unique_ptr<Output> output_;
  std::uint64_t next_token_ = 0;
  std::uint64_t next_span_ = 0;
  std::uint64_t next_name_byte_ = 0;
  MappedFile ids_;
  MappedFile spans_;
  MappedFile names_;
  MappedFile index_;
};

}  // namespace tpt::pack
