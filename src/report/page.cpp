#include "report/page.h"

#include "base/error.h"
#include "report/number_text.h"

#include <algorithm>

namespace tpt::report {
namespace {

// Names of groups are made short, whatever the corpus calls them.
constexpr std::size_t kMaxNameBytes = 80;

// The first of `names` in the metadata, as text; "" where none is there.
std::string text_field(const Json& metadata, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = metadata.find(name);
    if (found != metadata.end() && !found->is_null()) {
      return found->is_string() ? found->get<std::string>() : dump_json(*found);
    }
  }
  return "";
}

Json metadata_of(const Document& document) {
  try {
    Json metadata = parse_json(document.metadata, document.id);
    return metadata.is_object() ? metadata : Json::object();
  } catch (const Error&) {
    return Json::object();  // the document is shown all the same
  }
}

// What a sample adds to the page: a domain on the kept side, a reason on the other.
const std::string& novelty(const SampleDocument& sample) {
  return sample.kept ? sample.domain : sample.reason;
}

void offer_sample(std::vector<SampleDocument>& samples, SampleDocument offered,
                  std::size_t samples_each) {
  std::vector<std::size_t> same_side;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].kept == offered.kept) {
      same_side.push_back(i);
    }
  }
  if (same_side.size() < samples_each) {
    samples.push_back(std::move(offered));
    return;
  }
  const auto shown = [&](const std::string& what, std::size_t before) {
    return std::any_of(same_side.begin(), same_side.end(),
                       [&](std::size_t i) { return i < before && novelty(samples[i]) == what; });
  };
  if (shown(novelty(offered), samples.size())) {
    return;
  }
  for (auto i = same_side.rbegin(); i != same_side.rend(); ++i) {
    if (shown(novelty(samples[*i]), *i)) {  // a repetition: give its place away
      samples[*i] = std::move(offered);
      return;
    }
  }
}

}  // namespace

void add_document(AugmentPart& part, const AugmentedDocument& row, bool kept,
                  const std::string& reason, std::size_t samples_each) {
  const Json metadata = metadata_of(row.document);
  DocumentPoint point;
  point.id = row.document.id;
  point.domain = cut_text(text_field(metadata, {"domain", "subject"}), kMaxNameBytes);
  point.document_tokens = row.trajectory.prompt_tokens;
  point.thinking_tokens = row.trajectory.thinking_tokens;
  const auto steps = metadata.find("steps");
  if (steps != metadata.end() && steps->is_number_integer()) {
    point.steps = steps->get<std::int64_t>();
  }
  point.kept = kept;
  point.reason = cut_text(reason, kMaxNameBytes);

  SampleDocument sample;
  sample.id = row.document.id;
  sample.title = text_field(metadata, {"title"});
  sample.domain = point.domain;
  sample.source = text_field(metadata, {"source", "url"});
  if (sample.source.empty()) {
    sample.source = row.document.source;
  }
  sample.license = text_field(metadata, {"license", "licence"});
  sample.text = row.document.text;
  sample.thinking = row.trajectory.text;
  sample.finish = finish_name(row.trajectory.finish);
  sample.thinking_tokens = row.trajectory.thinking_tokens;
  sample.kept = kept;
  sample.reason = point.reason;

  part.points.push_back(std::move(point));
  offer_sample(part.samples, std::move(sample), samples_each);
}

}  // namespace tpt::report
