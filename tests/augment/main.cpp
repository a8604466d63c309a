// The test program, which is also the child that the tests start and kill.
#include "augment/scenario.h"

#include <gtest/gtest.h>

#include <string_view>

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "child") {
    return tpt::augment::run_child(argv[2], argv[3]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
