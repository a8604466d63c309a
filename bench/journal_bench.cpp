// What the journal costs by itself: puts answers as augment does and commits every so many, and
// prints the time as one line of JSON, for bench/augment.
//
//   tpt_journal_bench FOLDER ANSWERS BYTES ANSWERS_A_COMMIT
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "storage/journal.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <string>

namespace tpt::storage {
namespace {

// Text that differs from answer to answer, as long as an answer.
std::string answer_text(std::int64_t number, std::int64_t bytes) {
  std::string text;
  while (static_cast<std::int64_t>(text.size()) < bytes) {
    text += fmt::format("Step {}: the mill stands beside river {}. ", text.size(), number);
  }
  text.resize(static_cast<std::size_t>(bytes));
  return text;
}

int bench(int argc, char** argv) {
  if (argc != 5) user_error("usage: tpt_journal_bench FOLDER ANSWERS BYTES ANSWERS_A_COMMIT");
  const auto number = [&](int at) { return std::strtoll(argv[at], nullptr, 10); };
  const std::int64_t answers = number(2);
  const std::int64_t commit_every = number(4);
  std::filesystem::create_directories(argv[1]);
  Journal journal(std::filesystem::path(argv[1]) / "journal.sqlite");
  const std::string hash = sha256_hex("a request");
  const std::string base = answer_text(0, number(3));
  std::clock_t cpu = 0;
  std::chrono::steady_clock::duration wall{};
  for (std::int64_t done = 0; done < answers; ++done) {
    const std::string item = fmt::format("document-{}", done);
    const std::string key = fmt::format("{}{:08x}", hash.substr(0, 56), done);
    const std::string value = fmt::format("{}{}", done, base);
    const std::clock_t cpu_start = std::clock();
    const auto start = std::chrono::steady_clock::now();
    journal.put(item, 0, key, value);
    if ((done + 1) % commit_every == 0 || done + 1 == answers) journal.commit();
    wall += std::chrono::steady_clock::now() - start;
    cpu += std::clock() - cpu_start;
  }
  const Json result = {{"answers", answers},
                       {"cpu_seconds", static_cast<double>(cpu) / CLOCKS_PER_SEC},
                       {"seconds", std::chrono::duration<double>(wall).count()}};
  fmt::print("{}\n", dump_json(result));
  return 0;
}

}  // namespace
}  // namespace tpt::storage

int main(int argc, char** argv) {
  try {
    return tpt::storage::bench(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
