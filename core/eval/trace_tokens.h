#pragma once

#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/eval/token_trace.h"
#include "core/model/model.h"
#include "core/text/corpus.h"

namespace halftone {

/// Walks the first tokens of the windows once more, `most` of them at the most, and keeps each token's losses and, beside a reference of as many
/// blocks, its drift after each block. A window is walked whole or to the last token wanted of it. @throws Cancelled, Error.
TokenTrace traceTokens(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows, const Tokenizer& tokenizer, int most,
                       const ComputeOptions& options, Progress& progress, const std::stop_token& stop);

} // namespace halftone
