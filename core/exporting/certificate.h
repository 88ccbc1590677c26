#pragma once

#include "core/exporting/exporter.h"

#include <filesystem>
#include <string>
#include <vector>

namespace halftone {

/// The proof that an export is what was meant: the files are opened again by the reading side, which shares no code with the writer; every
/// quantized weight is compared bit by bit with the run, every other tensor with the source rounded to the export's dtype, logits on
/// `probe` (token ids) with the run in memory: where `unquantized_as_in_the_run` is false their divergence is what the dtype costs. Every file is
/// hashed, every source tensor's fate listed, and what of the model's folder stayed behind.
/// @return JSON text, the same for the same export. @throws Error{Internal} naming the first tensor that differs.
std::string certify(const ExportSource& source, const BlockSource& run, const std::filesystem::path& folder, const Written& written,
                    const std::vector<std::int32_t>& probe, Progress& progress, const std::stop_token& stop);

} // namespace halftone
