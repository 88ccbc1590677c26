#pragma once

#include "core/project/run_evidence.h"
#include "core/project/run_store.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace halftone {

/// The HDF5 file of one block's results. Equal results give equal bytes: seconds and memory are not in it.
/// @throws Error{Internal} for codes of a wrong type, Error{Io}.
std::vector<std::byte> blockImage(const StoredBlock& block);

/// The inverse; `result` of the block and seconds of its linears are left at their defaults. @throws Error{BadFile} naming `subject`.
StoredBlock readBlockImage(std::span<const std::byte> image, const std::string& subject, int block);

/// The evidence alone, without codes. @throws as readBlockImage().
BlockEvidence readBlockEvidence(std::span<const std::byte> image, const std::string& subject, int block);

} // namespace halftone
