// Carries the precompiled <ATen/ATen.h> that all tensor-using rooms of core reuse.
