#include "lab/document_source.h"

#include "base/error.h"
#include "base/random.h"
#include "lab/chain.h"
#include "lab/plain.h"

namespace tpt::lab {

namespace {

// Draws until the text belongs to the split.
Document draw_document(const Config& config, Split split, Random& random) {
  const bool plain = random.uniform() < config.plain_share;
  Document document;
  for (;;) {
    if (plain) {
      document.text = draw_sentence(random);
      document.metadata = R"({"domain":"plain","steps":0})";
      if (split_of(document.text) == split) {
        return document;
      }
    } else {
      const Chain chain = draw_chain(random, config.min_steps, config.max_steps);
      const std::string asked = expression(chain);
      if (split_of(asked) == split) {
        document.text = fmt::format("{}={}.", asked, result(chain));
        document.metadata =
            fmt::format(R"({{"domain":"arithmetic","steps":{}}})", chain.steps.size());
        return document;
      }
    }
  }
}

}  // namespace

DocumentSource::DocumentSource(const Config& config, Split split)
    : config_(config),
      split_(split),
      total_(split == Split::training ? config.documents : config.held_out_documents) {
  TPT_CHECK(split == Split::training || split == Split::held_out);
  check(config);
}

bool DocumentSource::next(Document& document) {
  if (position_ == total_) {
    return false;
  }
  const std::string id =
      fmt::format("{}-{:06}", split_ == Split::training ? "lab" : "held-out", position_);
  Random random(derive_seed(static_cast<std::uint64_t>(config_.seed), id, "lab document"));
  document = draw_document(config_, split_, random);
  document.id = id;
  document.source = "lab";
  ++position_;
  return true;
}

}  // namespace tpt::lab
