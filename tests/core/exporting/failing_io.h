#pragma once

#include <filesystem>
#include <string>

/// Stands between this program and the C library: the calls that bring files to disk (open for writing, write, pwrite, fsync, ftruncate, rename) of
/// files below one folder are counted, and the n-th fails.
namespace failing_io {

void arm(const std::filesystem::path& folder, int n);
void disarm();
/// The process ends before the n-th, as if killed, with this exit code; files and folders that are removed count too. For a child of a test.
void armToKill(const std::filesystem::path& folder, int n);
inline constexpr int kKilled = 99;
/// Whether the file system can exchange two folders in one step.
void allowExchange(bool allowed);
/// "write: /path"; empty if fewer than n calls came since arm().
std::string failedCall();

} // namespace failing_io
