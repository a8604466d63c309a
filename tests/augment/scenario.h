// One small run of the step, the same in the tests' process and in the children that they kill.
#pragma once

#include "augment/augment.h"
#include "engine/fake_engine.h"
#include "records/document.h"
#include "storage/augmented_file.h"
#include "temporary_folder.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tpt::augment {

// Documents of different lengths; every 37th says what an earlier one said, under its id.
std::vector<Document> scenario_documents(std::int64_t count);

// Small parts and a small window, so that kills fall between them too.
Config scenario_config();

engine::FakeConfig scenario_engine(std::chrono::milliseconds delay);

// The whole step on `documents` with a fake engine.
Counts run_scenario(const Config& config, const std::vector<Document>& documents,
                    engine::Engine& engine, const std::filesystem::path& folder,
                    std::stop_token stop = {}, Hooks hooks = {});

// Rejects about a third of the rows, for two reasons.
Judgement scenario_gate(const AugmentedDocument& row);

// What every row should be, worked out without the job.
std::vector<AugmentedDocument> expected_rows(const Config& config,
                                             const std::vector<Document>& documents,
                                             const engine::Engine& engine);

// All rows of a folder.
std::vector<AugmentedDocument> read_rows(const std::filesystem::path& folder);

// The bytes of every Parquet file of a folder, and of its rejected/, by name.
std::map<std::string, std::string> parquet_bytes(const std::filesystem::path& folder);

// What a child process does: the scenario with its gate in `folder`, each generation noted in
// `log`.
int run_child(const std::filesystem::path& folder, const std::filesystem::path& log);

}  // namespace tpt::augment
