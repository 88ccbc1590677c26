#pragma once

#include "core/model/model_info.h"

#include <QString>

namespace halftone {

/// "MLP middle": a kind of site as a person reads it.
inline QString siteText(SiteKind kind)
{
    const std::string_view text = label(kind);
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

} // namespace halftone
