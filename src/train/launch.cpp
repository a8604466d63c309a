#include "train/launch.h"

#include "base/error.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace tpt::train {
namespace {

constexpr std::int64_t kMostProcesses = 1 << 20;
constexpr std::int64_t kMpiPort = 29500;

// Variables under one launcher's names; error messages name them.
class Variables {
 public:
  Variables(const Environment& environment, std::string by)
      : environment_(environment), by_(std::move(by)) {}

  std::string text(const std::string& name) const {
    const auto value = environment_(name);
    if (!value || value->empty()) {
      user_error("{}: {} is not set, though others of its variables are", by_, name);
    }
    return *value;
  }
  std::int64_t number(const std::string& name, std::int64_t low, std::int64_t high) const {
    return parse(name, text(name), low, high);
  }
  std::int64_t number_or(const std::string& name, std::int64_t low, std::int64_t high,
                         std::int64_t otherwise) const {
    const auto value = environment_(name);
    return value && !value->empty() ? parse(name, *value, low, high) : otherwise;
  }
  bool has(const std::string& name) const { return environment_(name).has_value(); }

 private:
  std::int64_t parse(const std::string& name, const std::string& value, std::int64_t low,
                     std::int64_t high) const {
    std::int64_t number = 0;
    const char* end = value.data() + value.size();
    const auto [stop, problem] = std::from_chars(value.data(), end, number);
    if (problem != std::errc() || stop != end || number < low || number > high) {
      user_error("{}: {} is \"{}\", allowed {} to {}", by_, name, value, low, high);
    }
    return number;
  }

  const Environment& environment_;
  std::string by_;
};

struct Names {
  const char* by;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};

constexpr Names kTorchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kOpenMpi{"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                         "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Names kMpich{"mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Names kSlurm{"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID",
                       "SLURM_STEP_TASKS_PER_NODE"};

Launch places_of(const Environment& environment, const Names& names) {
  const Variables variables(environment, names.by);
  Launch launch;
  launch.by = names.by;
  launch.size = variables.number(names.size, 1, kMostProcesses);
  launch.rank = variables.number(names.rank, 0, launch.size - 1);
  launch.local_rank = variables.number_or(names.local_rank, 0, launch.size - 1, 0);
  if (&names != &kSlurm) {
    launch.local_size = variables.number_or(names.local_size, 1, launch.size, 0);
  }
  return launch;
}

// Where process 0 is met, if MASTER_ADDR says it.
bool read_meeting_point(const Environment& environment, Launch& launch) {
  const Variables variables(environment, launch.by);
  launch.port = variables.number_or("MASTER_PORT", 1, 65535, launch.port);
  if (!variables.has("MASTER_ADDR")) {
    return false;
  }
  launch.address = variables.text("MASTER_ADDR");
  return true;
}

Launch from_torchrun(const Environment& environment) {
  Launch launch = places_of(environment, kTorchrun);
  if (launch.size > 1) {
    const Variables variables(environment, launch.by);
    launch.address = variables.text("MASTER_ADDR");
    launch.port = variables.number("MASTER_PORT", 1, 65535);
    launch.launcher_listens = environment("TORCHELASTIC_USE_AGENT_STORE") == "True";
    launch.attempt = environment("TORCHELASTIC_RESTART_COUNT").value_or("");
  }
  return launch;
}

Launch from_mpi(const Environment& environment, const Names& names) {
  Launch launch = places_of(environment, names);
  launch.port = kMpiPort;
  if (launch.size > 1 && !read_meeting_point(environment, launch)) {
    if (!launch.is_one_machine()) {
      user_error(
          "mpirun: MASTER_ADDR is not set: over several machines it has to name that of process 0 "
          "(mpirun -x MASTER_ADDR=HOST with Open MPI, -genv MASTER_ADDR HOST with MPICH)");
    }
    launch.address = "127.0.0.1";
  }
  return launch;
}

// The same port for all tasks of a step, another for other steps of the machine.
std::int64_t port_of_step(const Variables& variables) {
  constexpr std::int64_t kFirstPort = 20000, kPorts = 12000, kMany = std::int64_t{1} << 40;
  const std::int64_t job = variables.number_or("SLURM_JOB_ID", 0, kMany, 0);
  const std::int64_t step = variables.number_or("SLURM_STEP_ID", 0, kMany, 0);
  return kFirstPort + (job * 31 + step) % kPorts;
}

// "2(x3),1" of one machine after the other; 0 where machines differ.
std::int64_t tasks_a_machine(const std::optional<std::string>& list) {
  std::int64_t tasks = 0;
  if (list && list->find(',') == std::string::npos) {
    std::from_chars(list->data(), list->data() + list->size(), tasks);
  }
  return tasks;
}

Launch from_slurm(const Environment& environment) {
  Launch launch = places_of(environment, kSlurm);
  launch.local_size = tasks_a_machine(environment(kSlurm.local_size));
  if (launch.size > 1) {
    const Variables variables(environment, launch.by);
    launch.port = port_of_step(variables);
    if (!read_meeting_point(environment, launch)) {
      launch.address =
          launch.is_one_machine() ? "127.0.0.1" : first_host(variables.text("SLURM_STEP_NODELIST"));
    }
  }
  return launch;
}

// A batch script and a login shell of salloc have SLURM_PROCID too, but are no step of tasks.
bool is_slurm_step(const Environment& environment) {
  return environment("SLURM_STEP_ID").has_value() && environment("SLURM_PROCID").has_value();
}

// srun --mpi=pmi2 sets both for the same processes; mpirun within a step sets its own.
bool is_mpich(const Environment& environment) {
  return (environment("PMI_RANK").has_value() || environment("PMI_SIZE").has_value()) &&
         !(is_slurm_step(environment) && environment("PMI_RANK") == environment("SLURM_PROCID") &&
           environment("PMI_SIZE") == environment("SLURM_STEP_NUM_TASKS"));
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Launch launch_from(const Environment& environment) {
  const auto any = [&](const Names& names) {
    return environment(names.rank).has_value() || environment(names.size).has_value();
  };
  if (any(kTorchrun)) {
    return from_torchrun(environment);
  }
  if (any(kOpenMpi)) {
    return from_mpi(environment, kOpenMpi);
  }
  if (is_mpich(environment)) {
    return from_mpi(environment, kMpich);
  }
  return is_slurm_step(environment) ? from_slurm(environment) : Launch();
}

void refuse_many_processes(const std::string& verb) {
  if (const Launch launch = launch_from(process_environment()); launch.size > 1) {
    user_error("{}: started as one of {} processes by {}: only tpt train and replay-step work so",
               verb, launch.size, launch.by);
  }
}

std::string first_host(const std::string& host_list) {
  const std::string_view list = host_list;
  const std::size_t bracket = list.find('[');
  const std::size_t comma = list.find(',');
  if (bracket == std::string_view::npos || comma < bracket) {
    return std::string(list.substr(0, comma));
  }
  const std::size_t close = list.find(']', bracket);
  if (close == std::string_view::npos) {
    user_error("srun: SLURM_STEP_NODELIST is \"{}\": a [ without its ]", host_list);
  }
  const std::string_view numbers = list.substr(bracket + 1, close - bracket - 1);
  const std::string_view first = numbers.substr(0, numbers.find_first_of("-,"));
  const std::string_view rest = list.substr(close + 1);
  std::string host = std::string(list.substr(0, bracket));
  host += first;
  host += first_host(std::string(rest.substr(0, rest.find(','))));
  return host;
}

}  // namespace tpt::train
