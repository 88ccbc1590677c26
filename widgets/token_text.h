#pragma once

#include <QString>

#include <string_view>

namespace halftone {

/// A token as it can stand beside a map: spaces at its ends, line ends and tabs as signs (␣ ↵ ⇥), nothing that turns or hides text; at most
/// `most` characters.
QString tokenLabel(std::string_view utf8, int most = 24);

} // namespace halftone
