#pragma once

#include <ATen/core/Tensor.h>

namespace halftone {

/// `rounded`, which a dynamic grid made of x by the range of each token (the last dimension), as a recorded graph sees it: rounding has the derivative 1,
/// a clipped element 0, and the range that sets the scale has its gradient too, which goes to the token's least and largest element (symmetric: to the
/// largest in magnitude). Without that last part a transform that is learned never hears that a smaller range is better. The zero point's own rounding
/// has no gradient. x and rounded float32, same shape, not empty.
at::Tensor recordedRounding(const at::Tensor& x, const at::Tensor& rounded, int bits, bool symmetric);

} // namespace halftone
