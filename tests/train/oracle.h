// Asks torch and transformers (oracle.py).
#pragma once

#include "base/json.h"
#include "storage/atomic_file.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tpt::train {

inline bool has_oracle() { return std::filesystem::exists(TPT_PYTHON); }

// Runs oracle.py with `job` on its input; its one line of output as JSON, null where it failed.
inline Json ask_oracle(const std::string& arguments, const Json& job,
                       const std::filesystem::path& folder) {
  storage::write_file_atomically(folder / "job.json", dump_json(job));
  const std::string command = fmt::format(
      "OMP_NUM_THREADS=1 {} {}/tests/train/oracle.py {} < {}/job.json > {}/out.json 2> {}/err.txt",
      TPT_PYTHON, TPT_SOURCE_DIR, arguments, folder.string(), folder.string(), folder.string());
  if (std::system(command.c_str()) != 0) {
    ADD_FAILURE() << command << "\n" << storage::read_file(folder / "err.txt");
    return {};
  }
  return parse_json(storage::read_file(folder / "out.json"), "the oracle's output");
}

#define TPT_NEEDS_ORACLE()                                        \
  if (!has_oracle()) {                                            \
    GTEST_SKIP() << "needs the Python of the tests (make setup)"; \
  }

}  // namespace tpt::train
