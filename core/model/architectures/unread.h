#pragma once

#include "core/model/config_reader.h"
#include "core/model/model_info.h"

namespace halftone {

/// After a family has read its GGUF key-values: each key of the architecture that it did not ask for is known to change nothing, at the value that
/// it has, or it is refused. The one list of such keys is in unread.cpp.
/// @throws Error{Unsupported} naming the key.
void refuseUnreadKeys(const ConfigReader& reader, const ModelConfig& config);

/// After a family has read a config.json, where most fields are none of a model's arithmetic: those that change it in other families, or in every one,
/// are refused unless they are neutral; those that many configs carry though the stock class never reads them are noted.
/// @throws Error{Unsupported} naming the field.
void refuseForeignFields(const ConfigReader& reader, const ModelConfig& config);

} // namespace halftone
