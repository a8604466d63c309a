// Which of how many processes this one is, by what torchrun, srun or mpirun put into the
// environment.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tpt::train {

struct Launch {
  std::int64_t rank = 0;        // of this process, from 0
  std::int64_t size = 1;        // processes in all
  std::int64_t local_rank = 0;  // among those of this machine
  std::int64_t local_size = 0;  // processes of this machine; 0: not known
  std::string address;          // where process 0 is met; empty for one process
  std::int64_t port = 0;
  bool launcher_listens = false;  // at address and port, rather than process 0
  std::string attempt;            // apart for each start of the processes by the same launcher
  std::string by;                 // "torchrun", "srun", "mpirun"; empty for a process on its own

  bool is_one_machine() const { return local_size == size; }
};

// The value of a variable, nothing where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

// Read in this order: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT
// (torchrun); OMPI_COMM_WORLD_RANK ... (Open MPI); PMI_RANK ... (MPICH, Intel MPI);
// SLURM_PROCID ... (a step of srun). MASTER_ADDR and MASTER_PORT go before what the launcher says.
// Error(user) naming the variable that is missing or makes no sense.
Launch launch_from(const Environment& environment);

// Error(user) where this is one of many processes: they would do the same work in the same folder.
void refuse_many_processes(const std::string& verb);

// The first host of a Slurm list: "gpu[003-010,12]" is "gpu003".
std::string first_host(const std::string& host_list);

}  // namespace tpt::train
