// A real S3 server for a test: moto's, in a process of its own, with faults on demand.
#pragma once

#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace tpt {

class ObjectStore {
 public:
  static constexpr const char* kKey = "tptkeyid";
  static constexpr const char* kSecret = "tptsecretmustnotappear";

  // Nothing where moto is not installed. Points this process and its children at the server.
  static std::unique_ptr<ObjectStore> start(bool checks_keys = false) {
    const std::string python = TPT_PYTHON;
    if (std::system((python + " -c 'import moto.server, boto3' 2> /dev/null").c_str()) != 0) {
      return nullptr;
    }
    return std::unique_ptr<ObjectStore>(new ObjectStore(python, checks_keys));
  }

  ~ObjectStore() { stop(); }
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;

  const std::string& endpoint() const { return endpoint_; }

  void use() const {
    setenv("AWS_ENDPOINT_URL", endpoint_.c_str(), 1);
    setenv("AWS_ACCESS_KEY_ID", kKey, 1);
    setenv("AWS_SECRET_ACCESS_KEY", kSecret, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    // Waits of 0.1, 0.2 and 0.4 s.
    setenv("AWS_MAX_ATTEMPTS", "4", 1);
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
  }

  // What a script with `s3` (boto3) and `fs` (pyarrow) prints.
  std::string client(const std::string& script) const {
    const auto file = folder_ / "script.py";
    std::ofstream(file) << script;
    const std::string command = python_ + " " + program() + " client " + endpoint_ + " \"$(cat " +
                                file.string() + ")\" > " + (folder_ / "output").string();
    EXPECT_EQ(std::system(command.c_str()), 0) << script;
    std::ifstream output(folder_ / "output", std::ios::binary);
    return {std::istreambuf_iterator<char>(output), {}};
  }

  // See object_store.py; {} forgets all faults and counts. Gives the requests so far, by method.
  std::string control(const std::string& json) const {
    const std::string output = (folder_ / "control").string();
    const std::string command =
        "curl -sS -o " + output + " -d '" + json + "' " + endpoint_ + "/_control";
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::ifstream file(output, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // As one that is not there for a while.
  void pause() const { kill(child_, SIGSTOP); }
  void go_on() const { kill(child_, SIGCONT); }

  // As a machine that lost its power.
  void stop() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = -1;
  }

 private:
  ObjectStore(std::string python, bool checks_keys) : python_(std::move(python)) {
    const auto port_file = folder_ / "port";
    child_ = fork();
    if (child_ == 0) {
      if (checks_keys) setenv("AUTH", "1", 1);
      setenv("AWS_ACCESS_KEY_ID", kKey, 1);
      setenv("AWS_SECRET_ACCESS_KEY", kSecret, 1);
      if (std::freopen((folder_ / "log").c_str(), "w", stderr) == nullptr) _exit(126);
      execl(python_.c_str(), python_.c_str(), program().c_str(), "serve", port_file.c_str(),
            static_cast<char*>(nullptr));
      _exit(127);
    }
    constexpr int kPatienceTenths = 600;
    for (int i = 0; i < kPatienceTenths && !std::filesystem::exists(port_file); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    std::string port;
    std::ifstream(port_file) >> port;
    EXPECT_FALSE(port.empty()) << "the S3 server did not start";
    endpoint_ = "http://127.0.0.1:" + port;
    use();
  }

  static std::string program() { return std::string(TPT_SOURCE_DIR) + "/tests/object_store.py"; }

  std::string python_;
  TemporaryFolder folder_;
  pid_t child_ = -1;
  std::string endpoint_;
};

// Tests against one store, which holds the bucket "corpus".
class ObjectStoreTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    store = ObjectStore::start();
    if (store) store->client("s3.create_bucket(Bucket='corpus')");
  }
  static void TearDownTestSuite() { store.reset(); }
  void SetUp() override {
    if (!store) GTEST_SKIP() << "moto is not installed in " TPT_PYTHON;
    store->use();
    store->control("{}");
  }

  static inline std::unique_ptr<ObjectStore> store;
};

}  // namespace tpt
