#pragma once

#include "core/methods/linear_result.h"
#include "core/project/hdf5_reader.h"
#include "core/project/hdf5_writer.h"

#include <string>

namespace halftone {

/// What a transform did at one place, as a group of a block's file. @throws Error{Internal} where its values have not its shape.
void writeTransform(Hdf5Writer& file, const std::string& at, const TransformEvidence& evidence);
TransformEvidence readTransform(const Hdf5Reader& file, const std::string& at);     ///< @throws Error{BadFile}

/// What was learned of a weight, likewise. @throws Error{Internal} where it has not the cells it says.
void writeWeightEvidence(Hdf5Writer& file, const std::string& at, const WeightEvidence& evidence);
WeightEvidence readWeightEvidence(const Hdf5Reader& file, const std::string& at);   ///< @throws Error{BadFile}

/// A transformed site, likewise.
void writeSiteChange(Hdf5Writer& file, const std::string& at, const SiteChange& change);
SiteChange readSiteChange(const Hdf5Reader& file, const std::string& at);           ///< @throws Error{BadFile}

} // namespace halftone
