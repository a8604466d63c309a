// What a finished folder of tpt augment tells about documents that were not thought about yet.
#pragma once

#include "app/projection.h"
#include "augment/augment.h"
#include "filter/filter.h"
#include "pack/composer.h"

#include <filesystem>
#include <string>
#include <vector>

namespace tpt::app {

inline constexpr std::int64_t kMostSampleDocuments = 20'000;

// From the rows, the rejected rows and spend.json of the folder, or of all shards in it. Kept rows
// are judged by `filter` too where there is one, and composed as the packer does for their tokens.
// Of more than kMostSampleDocuments documents about so many, by the hash of their ids. Error(user)
// for a folder that is none of tpt augment, lies on S3, or is not finished.
MeasuredSample read_sample(const std::filesystem::path& folder, const pack::Composer& composer,
                           pack::Format format, const filter::Filter* filter);

// The [augment] of the folder's rows. Error(user) as above.
Json sample_options(const std::filesystem::path& folder);

// The options that are set here and that a sample with `options` was not made with, such as
// "rollouts: 1 there, 4 here": what it measured says nothing about these.
std::vector<std::string> other_options(const Json& options, const augment::Config& config);

}  // namespace tpt::app
