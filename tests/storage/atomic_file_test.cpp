#include "storage/atomic_file.h"

#include "base/error.h"
#include "storage/child_process.h"

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::bug;
}

TEST(AtomicFile, StandsUnderItsNameAfterCommitOnly) {
  const TemporaryFolder folder;
  spill(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
    EXPECT_EQ(read_file(folder / "a"), "old");
    file.commit();
    EXPECT_EQ(read_file(folder / "a"), "new");
  }
  {
    AtomicFile(folder / "b").write("never committed");
  }
  EXPECT_FALSE(fs::exists(folder / "b"));
  EXPECT_FALSE(fs::exists(folder / "b.partial"));
  EXPECT_FALSE(fs::exists(folder / "a.partial"));
}

TEST(AtomicFile, KeepsEveryByte) {
  const TemporaryFolder folder;
  std::string bytes;
  for (int i = 0; i < 1'000'003; ++i) bytes += static_cast<char>(i * 2654435761U >> 13U);
  write_file_atomically(folder / "a", bytes);
  EXPECT_TRUE(read_file(folder / "a") == bytes);
  write_file_atomically(folder / "a", "");
  EXPECT_EQ(read_file(folder / "a"), "");
}

TEST(AtomicFile, NamesWhatTheSystemRefuses) {
  const TemporaryFolder folder;
  EXPECT_EQ(kind_of([&] { AtomicFile file(folder / "no/such/a"); }), ErrorKind::io);
  EXPECT_EQ(kind_of([&] { (void)read_file(folder / "none"); }), ErrorKind::io);
  EXPECT_EQ(kind_of([&] { (void)read_file(folder.path()); }), ErrorKind::io);
  fs::create_directories(folder / "d/inside");
  EXPECT_EQ(kind_of([&] { write_file_atomically(folder / "d", "x"); }), ErrorKind::io);
  EXPECT_FALSE(fs::exists(folder / "d.partial"));
}

TEST(AtomicFile, AFullDiskLeavesTheOldFileAndNothingElse) {
  for (const std::size_t size : {std::size_t{5000}, std::size_t{5'000'000}}) {
    const TemporaryFolder folder;
    spill(folder / "a", "old");
    const int status = in_child([&] {
      limit_file_size(4096);
      try {
        write_file_atomically(folder / "a", std::string(size, 'x'));
      } catch (const Error& error) {
        return error.kind() == ErrorKind::io ? 7 : 8;
      }
      return 9;
    });
    EXPECT_EQ(status, 7);
    EXPECT_EQ(read_file(folder / "a"), "old");
    EXPECT_FALSE(fs::exists(folder / "a.partial"));
  }
}

}  // namespace
}  // namespace tpt::storage
