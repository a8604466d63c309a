// The documents of a corpus, one after the other, in bounded memory: one line, one row group or one
// text file is held at a time.
//
//   corpus::Reader reader(config, folder / "bad_items.jsonl");
//   for (Document document; reader.next(document);) { ... }
#pragma once

#include "base/json.h"
#include "base/source.h"
#include "corpus/shard.h"
#include "records/document.h"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace tpt::corpus {

struct Counts {
  std::int64_t files = 0;
  std::int64_t documents = 0;
  std::int64_t bytes = 0;      // of the documents' text
  std::int64_t bad_items = 0;  // lines, rows and files kept aside
};

Json to_json(const Counts& counts);

// What is bad: a line that is no JSON object or no valid UTF-8, a text that is missing, not a text,
// or empty, a missing, empty or other than text field of thinking where one is asked for, an id of
// another type than text or integer, an id that came before, a file that cannot be decoded (what
// came before the damage counts). Each is counted, and written to the bad-items file with file,
// line, reason and the beginning of its text (docs/formats.md).
class Reader : public Source<Document> {
 public:
  // `bad_items_file` may be empty: then they are counted, and not told of. Error(user) as
  // input_files(). Of a shard only its part is read; `limit` and `check_ids` hold within it.
  Reader(Config config, std::filesystem::path bad_items_file, Shard shard = {});
  ~Reader() override;

  // Error(data) at the first bad item under `strict`, and at the end where their share is above
  // `max_bad_share`.
  [[nodiscard]] bool next(Document& document) override;
  // Of the document read last, under `thinking_column`; its metadata does not hold it. "" without.
  const std::string& thinking() const;
  const Counts& counts() const;
  // Of the files, compressed as they are: for progress.
  std::int64_t bytes_read() const;
  std::int64_t bytes_total() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tpt::corpus
