// The one connection of the process to S3, for the files of this room that speak to it.
#pragma once

#include <arrow/filesystem/filesystem.h>

#include <filesystem>
#include <string>

namespace tpt::storage {

// "s3://bucket/key" -> "bucket/key", as Arrow names it. Error(user) for a URL without a bucket.
std::string remote_name(const std::filesystem::path& url);

// Started at the first call and shut down at the end of the process: a program that names no
// s3:// path pays nothing. Error(user) for settings of the environment that make no sense.
arrow::fs::FileSystem& remote_service(const std::filesystem::path& url);

// Error(io) that says what was tried, where, and what the service answered.
[[noreturn]] void remote_failed(const std::filesystem::path& url, const arrow::Status& status);

template <typename T>
T remote_checked(arrow::Result<T> result, const std::filesystem::path& url) {
  if (!result.ok()) remote_failed(url, result.status());
  return std::move(*result);
}

inline void remote_checked(const arrow::Status& status, const std::filesystem::path& url) {
  if (!status.ok()) remote_failed(url, status);
}

}  // namespace tpt::storage
