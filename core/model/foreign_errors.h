#pragma once

#include <functional>
#include <string>

namespace halftone {

/// Runs `work` and turns what LibTorch, oneDNN and the standard library throw into Error (OutOfMemory, Internal) about `subject`.
void translateErrors(const std::string& subject, const std::function<void()>& work);

} // namespace halftone
