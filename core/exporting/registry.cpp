#include "core/base/error.h"
#include "core/exporting/exporter.h"

#include <array>

namespace halftone {

// The only place that names all formats.
#define HALFTONE_EXPORTERS(EXPORTER)    \
    EXPORTER(compressedTensorsExporter) \
    EXPORTER(denseExporter)

#define HALFTONE_DECLARE(make) std::unique_ptr<Exporter> make();
HALFTONE_EXPORTERS(HALFTONE_DECLARE)
#undef HALFTONE_DECLARE

std::span<const std::unique_ptr<Exporter>> exporters()
{
#define HALFTONE_LIST(make) make(),
    static const std::array all{HALFTONE_EXPORTERS(HALFTONE_LIST)};
#undef HALFTONE_LIST
    return all;
}

const Exporter& exporter(std::string_view id)
{
    std::string known;
    for (const auto& one : exporters()) {
        if (one->info().id == id)
            return *one;
        known += (known.empty() ? "" : ", ") + one->info().id;
    }
    throw Error(ErrorKind::InvalidArgument, "export format \"" + std::string(id) + "\" is not known; there are " + known, "format");
}

} // namespace halftone
