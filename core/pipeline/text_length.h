#pragma once

#include "core/recipe/recipe.h"
#include "core/text/text_choice.h"

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

namespace halftone {

/// How long texts are for a model's tokenizer, told before a job starts.
struct TextLength {
    std::int64_t tokens = 0;
    bool exact = true;                 ///< else counted in parts, or estimated from the start of a long text
    std::vector<std::string> notes;    ///< how rows of JSON were read

    /// Samples of a calibration that the text gives: as many as are wanted, or fewer.
    int samples(const CalibrationSettings& wanted) const;
    /// Why not one window of `length` can be cut, a sentence; empty where it can.
    std::string problem(int length) const;
};

/// Reads the texts and counts their tokens; of more than 8 MiB those of the first, in proportion. Takes up to some seconds: for a thread of its own.
/// @throws Error as readTexts() and Model::tokenizer(), Cancelled.
TextLength measureText(const std::filesystem::path& model, const TextChoice& texts, const std::stop_token& stop = {});

} // namespace halftone
