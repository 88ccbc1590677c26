#include "core/base/error.h"
#include "core/project/hdf5_reader.h"
#include "core/project/hdf5_writer.h"
#include "core/project/project_impl.h"
#include "core/project/site_attribute.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

namespace halftone {
namespace {

constexpr std::int64_t kVersion = 2;        // 2: samples of activations; files of version 1 have none
constexpr std::int64_t kMaxParts = 4096;
constexpr std::int64_t kMaxWindow = 1 << 24;
/// What the statistics of all blocks may take in memory, beside a multiple of their files: they are read together, and samples, most of
/// a file, are stored as they are.
constexpr std::uint64_t kFreeBytes = 256u << 20, kMaxExpansion = 16;
const std::string kRoot = "/";
const std::string kTokens = "/sampled";

std::string numbered(const char* what, std::size_t index)
{
    char text[32];
    std::snprintf(text, sizeof text, "%s-%03zu", what, index);
    return text;
}

std::int64_t counted(std::size_t size) { return static_cast<std::int64_t>(size); }

void writeFloats(Hdf5Writer& file, const std::string& path, const std::vector<float>& values)
{
    file.dataset<float>(path, values, {values.size()}, Hdf5Packing::Shuffled);
}

void writeSite(Hdf5Writer& file, const std::string& at, const SiteStatistics& s)
{
    file.group(at);
    file.attribute(at, "name", s.site.name);
    file.attribute(at, "block", std::int64_t{s.site.block});
    writeSiteKind(file, at, "kind", s.site.kind);
    file.attribute(at, "channels", s.site.channels);
    file.attribute(at, "linears", counted(s.site.linears.size()));
    for (std::size_t i = 0; i < s.site.linears.size(); ++i)
        file.attribute(at, numbered("linear", i), s.site.linears[i]);
    file.attribute(at, "tokens", s.tokens);
    file.attribute(at, "not_finite", s.notFinite);
    writeFloats(file, at + "/channel_absmax", s.channelAbsmax);
    writeFloats(file, at + "/channel_min", s.channelMin);
    writeFloats(file, at + "/channel_max", s.channelMax);
    writeFloats(file, at + "/channel_mean", s.channelMean);
    writeFloats(file, at + "/channel_variance", s.channelVariance);
    writeFloats(file, at + "/channel_kurtosis", s.channelKurtosis);
    writeFloats(file, at + "/token_absmax", s.tokenAbsmax);
    writeFloats(file, at + "/abs_quantiles", s.absQuantiles);
    std::vector<std::int64_t> kernel;
    for (const KernelCounts& counts : s.kernel)
        kernel.insert(kernel.end(), {counts.elements, counts.zero, counts.lost, counts.clipped});
    file.dataset<std::int64_t>(at + "/kernel", kernel, {static_cast<std::uint64_t>(kKernelSchemes), 4}, Hdf5Packing::Plain);
    file.attribute(at, "map_rows", std::int64_t{s.tokenMap.rows});
    file.attribute(at, "map_columns", std::int64_t{s.tokenMap.columns});
    file.attribute(at, "map_source_rows", s.tokenMap.sourceRows);
    file.attribute(at, "map_source_columns", s.tokenMap.sourceColumns);
    writeFloats(file, at + "/token_map", s.tokenMap.cells);
}

/// The tokens that the block's sites were sampled at: texts are one run of bytes and where each ends.
void writeTokens(Hdf5Writer& file, const SampledTokens& tokens)
{
    file.group(kTokens);
    file.attribute(kTokens, "total", tokens.total);
    file.attribute(kTokens, "length", std::int64_t{tokens.length});
    file.dataset<std::int64_t>(kTokens + "/positions", tokens.positions, {tokens.positions.size()}, Hdf5Packing::Plain);
    std::vector<std::uint8_t> bytes;
    std::vector<std::int64_t> ends;
    for (const std::string& text : tokens.texts) {
        bytes.insert(bytes.end(), text.begin(), text.end());
        ends.push_back(counted(bytes.size()));
    }
    file.dataset<std::uint8_t>(kTokens + "/texts", bytes, {bytes.size()}, Hdf5Packing::Plain);
    file.dataset<std::int64_t>(kTokens + "/text_ends", ends, {ends.size()}, Hdf5Packing::Plain);
}

std::shared_ptr<const SampledTokens> readTokens(const Hdf5Reader& file)
{
    if (!file.has(kTokens))
        return {};
    const auto require = [&](bool good, const char* what) {
        if (!good)
            throw Error(ErrorKind::BadFile, file.subject() + ": " + kTokens + " " + what + ".", file.subject());
    };
    auto tokens = std::make_shared<SampledTokens>();
    tokens->total = file.integer(kTokens, "total");
    const std::int64_t length = file.integer(kTokens, "length");
    require(length > 0 && length <= kMaxWindow && tokens->total >= 0, "names no possible text");
    tokens->length = static_cast<int>(length);
    tokens->positions = file.dataset<std::int64_t>(kTokens + "/positions");
    std::int64_t before = -1;
    for (const std::int64_t position : tokens->positions) {
        require(position > before && position < tokens->total, "holds tokens out of order");
        before = position;
    }
    const auto bytes = file.dataset<std::uint8_t>(kTokens + "/texts");
    const auto ends = file.dataset<std::int64_t>(kTokens + "/text_ends");
    require(ends.empty() || ends.size() == tokens->positions.size(), "holds another number of texts than of tokens");
    std::int64_t first = 0;
    for (const std::int64_t end : ends) {
        require(end >= first && end <= counted(bytes.size()), "holds texts out of order");
        tokens->texts.emplace_back(bytes.begin() + first, bytes.begin() + end);
        first = end;
    }
    return tokens;
}

void writeSample(Hdf5Writer& file, const std::string& at, const SiteSample& sample)
{
    const auto channels = static_cast<std::uint64_t>(sample.channels), rows = static_cast<std::uint64_t>(sample.rows());
    file.dataset<float>(at + "/sample", sample.values, {rows, channels}, Hdf5Packing::Plain);
    file.dataset<float>(at + "/sample_windows", sample.windowAbsmax, {sample.windowAbsmax.size() / channels, channels}, Hdf5Packing::Plain);
}

std::shared_ptr<const SiteSample> readSample(const Hdf5Reader& file, const std::string& at, const SiteStatistics& site,
                                             const std::shared_ptr<const SampledTokens>& tokens)
{
    auto sample = std::make_shared<SiteSample>();
    sample->tokens = tokens;
    sample->channels = site.site.channels;
    sample->channelAbsmax = site.channelAbsmax;
    const std::uint64_t channels = site.channelAbsmax.size();
    if (site.site.channels <= 0 || channels != static_cast<std::uint64_t>(site.site.channels))
        throw Error(ErrorKind::BadFile, file.subject() + ": " + at + " has a sample of another number of channels than it has.", file.subject());
    sample->values = file.dataset<float>(at + "/sample", {tokens->positions.size(), channels});
    sample->windowAbsmax = file.dataset<float>(at + "/sample_windows", {tokens->windows().size(), channels});
    return sample;
}

SiteStatistics readSite(const Hdf5Reader& file, const std::string& at)
{
    const auto bad = [&](const std::string& what) { throw Error(ErrorKind::BadFile, file.subject() + ": " + at + " " + what + ".",
        file.subject()); };
    SiteStatistics s;
    s.site.name = file.text(at, "name");
    s.site.block = static_cast<int>(file.integer(at, "block"));
    s.site.kind = readSiteKind(file, at, "kind");
    s.site.channels = file.integer(at, "channels");
    const std::int64_t linears = file.integer(at, "linears");
    if (linears < 0 || linears > kMaxParts)
        bad("names too many linears");
    for (std::int64_t i = 0; i < linears; ++i)
        s.site.linears.push_back(file.text(at, numbered("linear", static_cast<std::size_t>(i))));
    s.tokens = file.integer(at, "tokens");
    s.notFinite = file.integer(at, "not_finite");
    s.channelAbsmax = file.dataset<float>(at + "/channel_absmax");
    s.channelMin = file.dataset<float>(at + "/channel_min");
    s.channelMax = file.dataset<float>(at + "/channel_max");
    s.channelMean = file.dataset<float>(at + "/channel_mean");
    s.channelVariance = file.dataset<float>(at + "/channel_variance");
    s.channelKurtosis = file.dataset<float>(at + "/channel_kurtosis");
    s.tokenAbsmax = file.dataset<float>(at + "/token_absmax");
    s.absQuantiles = file.dataset<float>(at + "/abs_quantiles");
    const auto kernel = file.dataset<std::int64_t>(at + "/kernel", {static_cast<std::uint64_t>(kKernelSchemes), 4});
    for (std::size_t i = 0; i < s.kernel.size(); ++i)
        s.kernel[i] = {kernel[4 * i], kernel[4 * i + 1], kernel[4 * i + 2], kernel[4 * i + 3]};
    const std::int64_t rows = file.integer(at, "map_rows"), columns = file.integer(at, "map_columns");
    s.tokenMap.cells = file.dataset<float>(at + "/token_map");
    constexpr std::int64_t kMaxSide = 1 << 20;
    if (rows < 0 || columns < 0 || rows > kMaxSide || columns > kMaxSide || rows * columns != counted(s.tokenMap.cells.size()))
        bad("has a map of another size than it says");
    s.tokenMap.rows = static_cast<int>(rows);
    s.tokenMap.columns = static_cast<int>(columns);
    s.tokenMap.sourceRows = file.integer(at, "map_source_rows");
    s.tokenMap.sourceColumns = file.integer(at, "map_source_columns");
    return s;
}

void writeWeight(Hdf5Writer& file, const std::string& at, const WeightStatistics& w)
{
    file.group(at);
    file.attribute(at, "linear", w.linear);
    file.attribute(at, "absmax", w.absmax);
    file.attribute(at, "mean", w.mean);
    file.attribute(at, "deviation", w.deviation);
    file.attribute(at, "kurtosis", w.kurtosis);
    file.attribute(at, "zeros", w.zeros);
    file.attribute(at, "not_finite", w.notFinite);
}

WeightStatistics readWeight(const Hdf5Reader& file, const std::string& at)
{
    WeightStatistics w;
    w.linear = file.text(at, "linear");
    w.absmax = file.real(at, "absmax");
    w.mean = file.real(at, "mean");
    w.deviation = file.real(at, "deviation");
    w.kurtosis = file.real(at, "kurtosis");
    w.zeros = file.integer(at, "zeros");
    w.notFinite = file.integer(at, "not_finite");
    return w;
}

std::vector<std::byte> imageOf(int block, const std::vector<SiteStatistics>& sites, const std::vector<WeightStatistics>& weights)
{
    Hdf5Writer file("statistics of block " + std::to_string(block));
    file.attribute(kRoot, "content", "halftone statistics");
    file.attribute(kRoot, "version", kVersion);
    file.attribute(kRoot, "block", std::int64_t{block});
    file.attribute(kRoot, "sites", counted(sites.size()));
    file.attribute(kRoot, "weights", counted(weights.size()));
    bool tokensWritten = false;
    for (std::size_t i = 0; i < sites.size(); ++i) {
        writeSite(file, numbered("/site", i), sites[i]);
        if (!sites[i].sample)
            continue;
        if (!std::exchange(tokensWritten, true))
            writeTokens(file, *sites[i].sample->tokens);
        writeSample(file, numbered("/site", i), *sites[i].sample);
    }
    for (std::size_t i = 0; i < weights.size(); ++i)
        writeWeight(file, numbered("/weight", i), weights[i]);
    return file.finish();
}

/// Bytes of files and of what they hold.
struct Taken {
    std::uint64_t stored = 0, unpacked = 0;
};

void readBlock(const std::vector<std::byte>& image, const std::string& subject, Analysis& into, Taken& taken)
{
    const Hdf5Reader file(image, subject);
    taken.stored += image.size();
    taken.unpacked += file.image().unpackedBytes();
    if (taken.unpacked > kFreeBytes + kMaxExpansion * taken.stored)
        throw Error(ErrorKind::BadFile, subject + ": the statistics up to this file claim " + std::to_string(taken.unpacked) + " bytes of values in "
            + std::to_string(taken.stored) + " bytes of files, which is more than is written.", subject);
    const std::int64_t sites = file.integer(kRoot, "sites"), weights = file.integer(kRoot, "weights");
    const std::int64_t version = file.integer(kRoot, "version");
    if (version < 1 || version > kVersion || sites < 0 || weights < 0 || sites > kMaxParts || weights > kMaxParts)
        throw Error(ErrorKind::BadFile, subject + ": is no statistics file of version " + std::to_string(kVersion) + ".", subject);
    const std::shared_ptr<const SampledTokens> tokens = readTokens(file);
    for (std::int64_t i = 0; i < sites; ++i) {
        const std::string at = numbered("/site", static_cast<std::size_t>(i));
        SiteStatistics site = readSite(file, at);
        if (tokens && file.has(at + "/sample"))
            site.sample = readSample(file, at, site, tokens);
        into.sites.push_back(std::move(site));
    }
    for (std::int64_t i = 0; i < weights; ++i)
        into.weights.push_back(readWeight(file, numbered("/weight", static_cast<std::size_t>(i))));
}

} // namespace

void Project::beginAnalysis(const AnalysisSettings& settings, int windows, int length, const std::string& textHash)
{
    std::vector<AnalysisRecord::Block> old;
    m_impl->update([&](Manifest& manifest) {
        if (manifest.analysis)
            old = manifest.analysis->blocks;
        manifest.analysis = AnalysisRecord{settings, windows, length, textHash, {}};
    });
    for (const AnalysisRecord::Block& block : old)
        m_impl->discard(block.file);
}

void Project::addAnalysisBlock(int block, const std::vector<SiteStatistics>& sites, const std::vector<WeightStatistics>& weights)
{
    if (block < 0 || !m_impl->snapshot().analysis)
        throw Error(ErrorKind::InvalidArgument, "Statistics of block " + std::to_string(block) + " belong to no analysis that was begun.");
    const FileEntry entry = m_impl->store("stats", numbered("block", static_cast<std::size_t>(block)), imageOf(block, sites, weights));
    std::optional<FileEntry> replaced;
    m_impl->update([&](Manifest& manifest) {
        auto& blocks = manifest.analysis->blocks;
        const auto at = std::lower_bound(blocks.begin(), blocks.end(), block,
            [](const AnalysisRecord::Block& have, int wanted) { return have.block < wanted; });
        if (at != blocks.end() && at->block == block) {
            if (at->file.file != entry.file)
                replaced = at->file;
            at->file = entry;
        } else {
            blocks.insert(at, {block, entry});
        }
    });
    if (replaced)
        m_impl->discard(*replaced);
}

std::optional<Analysis> Project::analysis() const
{
    const Manifest manifest = m_impl->snapshot();
    if (!manifest.analysis)
        return std::nullopt;
    Analysis analysis;
    analysis.settings = manifest.analysis->settings;
    analysis.windows = manifest.analysis->windows;
    analysis.length = manifest.analysis->length;
    analysis.textHash = manifest.analysis->textHash;
    Taken taken;
    for (const AnalysisRecord::Block& block : manifest.analysis->blocks)
        readBlock(m_impl->read(block.file), (m_impl->folder / block.file.file).string(), analysis, taken);
    return analysis;
}

} // namespace halftone
