// The documents of the lab, one after the other, from the seed alone.
#pragma once

#include "base/source.h"
#include "lab/config.h"
#include "lab/split.h"
#include "records/document.h"

#include <cstdint>

namespace tpt::lab {

// Training documents, or with Split::held_out as many as config.held_out_documents of the held-out
// ones. Document i depends on (seed, i) only. Ids are "lab-000000", "held-out-000000"; metadata is
// {"domain":"arithmetic","steps":n} or {"domain":"plain","steps":0}. Short chains repeat in a large
// corpus, as text on the web does.
class DocumentSource : public Source<Document> {
 public:
  explicit DocumentSource(const Config& config, Split split = Split::training);
  [[nodiscard]] bool next(Document& document) override;
  std::int64_t total() const { return total_; }

 private:
  Config config_;
  Split split_;
  std::int64_t total_;
  std::int64_t position_ = 0;
};

}  // namespace tpt::lab
