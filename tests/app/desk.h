#pragma once

#include <QByteArray>

namespace halftone {

/// A desk with room for every size that a test asks for; the offscreen platform's own screen is 800 × 800, and the window would fit itself into that.
inline const bool kOnADesk = [] {
    if (qgetenv("QT_QPA_PLATFORM") == "offscreen")
        qputenv("QT_QPA_PLATFORM", "offscreen:configfile=" HALFTONE_TEST_DATA "/screens/desk.json");
    return true;
}();

} // namespace halftone
