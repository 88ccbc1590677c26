#pragma once

#include "core/model/site.h"
#include "core/project/hdf5_reader.h"
#include "core/project/hdf5_writer.h"

#include <string>

namespace halftone {

/// Writes which site a value is of: as a number for the sites that files have always numbered, by name for the others.
void writeSiteKind(Hdf5Writer& file, const std::string& object, const std::string& key, SiteKind site);
/// @throws Error{BadFile} where no site of that number or name is known here.
SiteKind readSiteKind(const Hdf5Reader& file, const std::string& object, const std::string& key);

} // namespace halftone
