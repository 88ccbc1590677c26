#pragma once

namespace halftone {

/// Round half to even for |x| < 2^22; plain arithmetic, so that loops over it become vector code on any instruction set.
inline float nearest(float x)
{
    constexpr float kShift = 12582912.0F;   // 1.5 · 2^23
    return (x + kShift) - kShift;
}

} // namespace halftone
