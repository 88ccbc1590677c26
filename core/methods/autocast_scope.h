#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

namespace halftone {

/// While it lives, matrix products and attention on one kind of device are computed in a shorter float type (LibTorch's autocast) on this thread;
/// what was set before comes back. Training steps compute so on CUDA, in bfloat16, which needs no loss scaling; on the CPU they stay float32.
class AutocastScope {
public:
    AutocastScope(c10::DeviceType device, c10::ScalarType type);
    /// bfloat16 on CUDA, nothing elsewhere.
    explicit AutocastScope(c10::DeviceType device);
    ~AutocastScope();
    AutocastScope(const AutocastScope&) = delete;
    AutocastScope& operator=(const AutocastScope&) = delete;

private:
    void enter(c10::ScalarType type);

    c10::DeviceType m_device;
    bool m_entered = false, m_enabledBefore = false;
    c10::ScalarType m_typeBefore = c10::ScalarType::Float;
};

} // namespace halftone
