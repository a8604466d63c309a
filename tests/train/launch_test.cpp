#include "train/launch.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace tpt::train {
namespace {

using Variables = std::map<std::string, std::string>;

Launch launch_of(const Variables& variables) {
  return launch_from([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string refusal(const Variables& variables) {
  try {
    launch_of(variables);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "";
}

Variables with(Variables variables, const Variables& others) {
  for (const auto& [name, value] : others) {
    variables[name] = value;
  }
  return variables;
}

Variables without(Variables variables, const std::string& name) {
  variables.erase(name);
  return variables;
}

const Variables kTorchrun = {{"RANK", "3"},           {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},     {"LOCAL_WORLD_SIZE", "2"},
                             {"MASTER_ADDR", "gpu7"}, {"MASTER_PORT", "29400"}};

TEST(Launch, WithoutALauncherAProcessIsAlone) {
  const Launch launch = launch_of({{"PATH", "/bin"}});
  EXPECT_EQ(launch.size, 1);
  EXPECT_EQ(launch.rank, 0);
  EXPECT_EQ(launch.by, "");
}

TEST(Launch, Torchrun) {
  const Launch launch = launch_of(kTorchrun);
  EXPECT_EQ(launch.by, "torchrun");
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.size, 8);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 2);
  EXPECT_EQ(launch.address, "gpu7");
  EXPECT_EQ(launch.port, 29400);
  EXPECT_FALSE(launch.launcher_listens);
  EXPECT_FALSE(launch.is_one_machine());
  const Launch agent = launch_of(with(
      kTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}, {"TORCHELASTIC_RESTART_COUNT", "2"}}));
  EXPECT_TRUE(agent.launcher_listens);
  EXPECT_EQ(agent.attempt, "2");
  // A pod of Kubernetes has no local rank.
  EXPECT_EQ(launch_of(without(without(kTorchrun, "LOCAL_RANK"), "LOCAL_WORLD_SIZE")).local_rank, 0);
  // torchrun within a step of srun, one a machine.
  EXPECT_EQ(launch_of(with(kTorchrun, {{"SLURM_PROCID", "0"},
                                       {"SLURM_STEP_ID", "0"},
                                       {"SLURM_STEP_NUM_TASKS", "4"}}))
                .rank,
            3);
  EXPECT_EQ(launch_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size, 1);
}

TEST(Launch, HalfOrWrongSetsAreRefusedByName) {
  for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
    EXPECT_NE(refusal(without(kTorchrun, name)).find(std::string(name) + " is not set"),
              std::string::npos)
        << name;
  }
  const std::pair<const char*, const char*> wrong[] = {
      {"RANK", "8"},       {"RANK", "-1"},
      {"RANK", "one"},     {"RANK", "1 "},
      {"WORLD_SIZE", "0"}, {"WORLD_SIZE", "1e3"},
      {"RANK", ""},        {"WORLD_SIZE", "99999999999"},
      {"LOCAL_RANK", "8"}, {"MASTER_PORT", "0"},
      {"MASTER_ADDR", ""}, {"MASTER_PORT", "70000"}};
  for (const auto& [name, value] : wrong) {
    EXPECT_NE(refusal(with(kTorchrun, {{name, value}})).find(name), std::string::npos)
        << name << "=" << value;
  }
}

const Variables kStep = {{"SLURM_PROCID", "5"},
                         {"SLURM_STEP_NUM_TASKS", "8"},
                         {"SLURM_LOCALID", "1"},
                         {"SLURM_STEP_TASKS_PER_NODE", "4(x2)"},
                         {"SLURM_JOB_ID", "1234"},
                         {"SLURM_STEP_ID", "2"},
                         {"SLURM_NTASKS", "8"},
                         {"SLURM_STEP_NODELIST", "gpu[003-004]"},
                         {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.1"}};

TEST(Launch, Srun) {
  const Launch launch = launch_of(kStep);
  EXPECT_EQ(launch.by, "srun");
  EXPECT_EQ(launch.rank, 5);
  EXPECT_EQ(launch.size, 8);
  EXPECT_EQ(launch.local_rank, 1);
  EXPECT_EQ(launch.local_size, 4);
  EXPECT_EQ(launch.address, "gpu003") << "where task 0 is, not where srun was called";
  EXPECT_EQ(launch.port, launch_of(with(kStep, {{"SLURM_PROCID", "0"}})).port);
  EXPECT_NE(launch.port, launch_of(with(kStep, {{"SLURM_STEP_ID", "3"}})).port);
  const Launch named = launch_of(with(kStep, {{"MASTER_ADDR", "10.1.1.1"}, {"MASTER_PORT", "77"}}));
  EXPECT_EQ(named.address, "10.1.1.1");
  EXPECT_EQ(named.port, 77);
  const Launch one = launch_of(with(kStep, {{"SLURM_STEP_TASKS_PER_NODE", "8"}}));
  EXPECT_TRUE(one.is_one_machine());
  EXPECT_EQ(one.address, "127.0.0.1");
  EXPECT_EQ(launch_of(with(kStep, {{"SLURM_STEP_TASKS_PER_NODE", "5,3"}})).local_size, 0);
  EXPECT_NE(refusal(without(kStep, "SLURM_STEP_NODELIST")).find("SLURM_STEP_NODELIST"),
            std::string::npos);
  EXPECT_NE(refusal(without(kStep, "SLURM_STEP_NUM_TASKS")).find("SLURM_STEP_NUM_TASKS"),
            std::string::npos);
}

TEST(Launch, ABatchScriptOfSlurmIsOneProcess) {
  EXPECT_EQ(launch_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_JOB_ID", "7"}}).size,
            1);
}

const Variables kOpenMpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                            {"OMPI_COMM_WORLD_SIZE", "4"},
                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}};
const Variables kMpich = {
    {"PMI_RANK", "2"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "0"}, {"MPI_LOCALNRANKS", "2"}};

TEST(Launch, Mpirun) {
  const Launch one = launch_of(kOpenMpi);
  EXPECT_EQ(one.by, "mpirun");
  EXPECT_EQ(one.rank, 1);
  EXPECT_EQ(one.size, 4);
  EXPECT_EQ(one.address, "127.0.0.1");
  EXPECT_NE(refusal(with(kOpenMpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}})).find("MASTER_ADDR"),
            std::string::npos);
  EXPECT_NE(refusal(without(kOpenMpi, "OMPI_COMM_WORLD_SIZE")).find("OMPI_COMM_WORLD_SIZE"),
            std::string::npos);
  EXPECT_NE(refusal(kMpich).find("MASTER_ADDR"), std::string::npos);
  const Launch many = launch_of(with(kMpich, {{"MASTER_ADDR", "node1"}}));
  EXPECT_EQ(many.rank, 2);
  EXPECT_EQ(many.address, "node1");
  EXPECT_EQ(many.port, 29500);
  // mpirun within a job of Slurm starts its own processes: the step has one task a machine.
  EXPECT_EQ(launch_of(with(kOpenMpi, kStep)).rank, 1);
  EXPECT_EQ(launch_of(with(with(kStep, kMpich), {{"MASTER_ADDR", "node1"}})).rank, 2);
  // srun --mpi=pmi2 names the same tasks twice.
  EXPECT_EQ(launch_of(with(kStep, {{"PMI_RANK", "5"}, {"PMI_SIZE", "8"}})).by, "srun");
}

TEST(Launch, TheFirstHostOfAList) {
  const std::pair<const char*, const char*> lists[] = {
      {"gpu1", "gpu1"},
      {"gpu1,gpu2", "gpu1"},
      {"gpu[003-010,12]", "gpu003"},
      {"gpu[7,9]", "gpu7"},
      {"a1,b[2-3]", "a1"},
      {"rack[1-2]n[01-16],x", "rack1n01"},
      {"n[5-6]-ib,login", "n5-ib"},
  };
  for (const auto& [list, host] : lists) {
    EXPECT_EQ(first_host(list), host) << list;
  }
  EXPECT_THROW(first_host("gpu[1-2"), Error);
}

}  // namespace
}  // namespace tpt::train
