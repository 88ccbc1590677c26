#pragma once

#include <QString>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace halftone {

struct WeightGrid;
struct ActivationGrid;
struct KvCacheGrid;
struct ModelDescription;

/// Between core's plain values and Qt's.
inline QString toQString(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }
inline QString pathText(const std::filesystem::path& path) { return QString::fromStdString(path.string()); }
inline std::filesystem::path toPath(const QString& path) { return std::filesystem::path(path.toStdString()); }

/// Why a file of this name cannot be reached from here: a sentence, where its name holds bytes that are no UTF-8 text, which Qt's names cannot keep; else empty.
QString unreachableText(const QString& path);

/// A sentence without its full stop, to go on with.
QString withoutStop(QString sentence);
/// What a title says of a line of texts (TextChoice::parse()): "a.txt", "a.txt and 2 more".
QString textsTitle(const QString& line);
/// "2 048" below 100 000, above it "134.5 M" (decimal units, four significant digits).
QString countText(std::int64_t count);
/// "4 bits, groups of 64, symmetric"; "left float".
QString weightGridText(const WeightGrid& grid);
/// "8 bits, CrossQuant α 0.15"; "left float".
QString activationGridText(const ActivationGrid& grid);
/// "8 bits per token"; "float".
QString kvCacheText(const KvCacheGrid& grid);
/// Every setting of it, as a sentence.
QString kvCacheSentence(const KvCacheGrid& grid);
/// Why the model's own file is small, a sentence; empty where its weights are stored in 16 bits or more.
QString storedSmallText(const ModelDescription& model);
/// "W4 g64 A8 cross": short, for labels.
QString shortGridText(const WeightGrid& weights, const ActivationGrid& activations);

} // namespace halftone
