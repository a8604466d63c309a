#include "app/machine.h"

#include <fmt/core.h>

#include <build_commit.h>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace tpt::app {
namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "processor not named";
}

// The widest instructions that decide how fast a CPU run is.
std::string instruction_set() {
  if (__builtin_cpu_supports("avx512bf16") != 0) return "AVX-512 with bf16";
  if (__builtin_cpu_supports("avx512f") != 0) return "AVX-512";
  if (__builtin_cpu_supports("avx2") != 0) return "AVX2";
  return "no AVX2";
}

}  // namespace

std::string machine_text() {
  const double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  return fmt::format("{} cores, {}, {}, {:.0f} GiB", std::thread::hardware_concurrency(),
                     processor_name(), instruction_set(), bytes / (1U << 30U));
}

std::string build_commit() { return kBuildCommit; }

}  // namespace tpt::app
