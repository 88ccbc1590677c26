#pragma once

#include <string>

namespace halftone {

/// A number as text, for files, names, fingerprints, tables and sentences: as printf's %g with that many significant digits, with a point
/// in every locale. printf and std::to_string write a comma where the desktop speaks German.
std::string numberText(double value, int significant = 6);

/// As printf's %f with that many decimals, likewise.
std::string fixedText(double value, int decimals);

} // namespace halftone
