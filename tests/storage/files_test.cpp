#include "storage/files.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string trouble_below(const fs::path& folder) {
  try {
    files_below(folder);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    return error.what();
  }
  return "";
}

TEST(Files, LinksAreFollowedButNotInACircle) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "in/deep");
  fs::create_directories(folder / "beside");
  write_file_atomically(folder / "beside/a.txt", "a");
  fs::create_directory_symlink(folder / "beside", folder / "in/deep/link");
  ASSERT_EQ(files_below(folder / "in").size(), 1U);
  fs::create_directory_symlink(folder / "in", folder / "in/deep/up");
  EXPECT_THAT(trouble_below(folder / "in"), HasSubstr("in/deep/up"));
  fs::remove(folder / "in/deep/up");
  fs::create_symlink("self", folder / "in/deep/self");
  EXPECT_THAT(trouble_below(folder / "in"), HasSubstr("in/deep/self"));
}

TEST(Files, WhatCannotBeLookedAtIsAnError) {
  const TemporaryFolder folder;
  EXPECT_FALSE(is_file(folder / "nothing"));
  EXPECT_FALSE(is_folder(folder / "nothing"));
  EXPECT_FALSE(is_folder(folder / "nothing/deeper"));
  EXPECT_FALSE(is_file(folder / std::string(300, 'x')));
  EXPECT_FALSE(is_folder(folder / std::string(300, 'x')));
  fs::create_symlink("self", folder / "self");
  EXPECT_THROW(is_file(folder / "self"), Error);
  EXPECT_THROW(is_folder(folder / "self"), Error);
}

}  // namespace
}  // namespace tpt::storage
