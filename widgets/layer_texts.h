#pragma once

#include "core/methods/method.h"
#include "core/model/model_info.h"
#include "core/recipe/recipe.h"

#include <QString>
#include <QStringList>
#include <QVariant>

#include <array>
#include <cstdint>
#include <vector>

/// How plans read in a table cell, and what its editors offer. Pure functions.
namespace halftone::layer_texts {

inline constexpr std::array kSchemes{ActivationScheme::None, ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel,
    ActivationScheme::Cross, ActivationScheme::CrossStatic};

QString methods(const Plan& plan, const std::vector<MethodInfo>& infos);     ///< "GPTQ", "SmoothQuant + GPTQ"; "float" when it is left so
QString methodTip(const Plan& plan, const std::vector<MethodInfo>& infos);
QString bits(int bits);                                                      ///< "4"; "–" for 16
QString group(const WeightGrid& grid);                                       ///< "64", "row", "matrix"; "–" when not quantized
QString activations(const ActivationGrid& grid);                             ///< "token 8"; "–" for none
QString activationTip(const ActivationGrid& grid);
QString activationValue(const ActivationGrid& grid);                         ///< "per_token:8", "none"
SizeEstimate storedSize(const LinearInfo& linear, const Plan& plan);         ///< of this linear alone; float ones at 16 bits
std::uint64_t storedBytes(const LinearInfo& linear, const Plan& plan, bool dense = false);

/// Texts, and in `values` (may be null) what LayersModel::patchFor takes for each.
QStringList methodChoices(const std::vector<MethodInfo>& infos, QVariantList* values);
QStringList bitChoices(QVariantList* values);
/// Whole rows, and the usual groups that divide every one of `widths`.
QStringList groupChoices(const std::vector<std::int64_t>& widths, QVariantList* values);
QStringList activationChoices(QVariantList* values);

} // namespace halftone::layer_texts
