#include "core/project/block_file.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/project/evidence_file.h"
#include "core/project/hdf5_reader.h"
#include "core/project/hdf5_writer.h"

#include <ATen/ATen.h>

#include <cstdio>
#include <cstring>
#include <utility>

namespace halftone {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMaxLinears = 100'000;
constexpr std::int64_t kMaxSide = std::int64_t{1} << 31;
constexpr int kNibbleBits = 4;
const std::string kRoot = "/";

std::string numbered(const char* what, std::int64_t index)
{
    char text[48];
    std::snprintf(text, sizeof text, "%s-%03lld", what, static_cast<long long>(index));
    return text;
}

template <typename T>
std::span<const T> values(const at::Tensor& tensor)
{
    return {tensor.const_data_ptr<T>(), static_cast<std::size_t>(tensor.numel())};
}

template <typename T>
at::Tensor tensorOf(const std::vector<T>& from, at::IntArrayRef shape, at::ScalarType type)
{
    at::Tensor tensor = at::empty(shape, type);
    if (!from.empty())
        std::memcpy(tensor.mutable_data_ptr(), from.data(), from.size() * sizeof(T));
    return tensor;
}

/// Signed codes are moved up by half the range, so that a nibble holds 0…15.
int nibbleOffset(const WeightGrid& grid) { return grid.symmetric ? 1 << (grid.bits - 1) : 0; }

/// Codes of at most 4 bits, two a byte, the even element low; row-major over the whole matrix.
std::vector<std::uint8_t> packNibbles(const at::Tensor& codes, const WeightGrid& grid)
{
    const at::Tensor bytes = codes.contiguous();
    const auto* from = static_cast<const std::uint8_t*>(bytes.const_data_ptr());   // int8 or uint8: the low nibble of the sum is the same
    const auto count = static_cast<std::size_t>(bytes.numel());
    const int offset = nibbleOffset(grid);
    std::vector<std::uint8_t> packed((count + 1) / 2, 0);
    for (std::size_t i = 0; i < count; ++i) {
        const auto nibble = static_cast<unsigned>((from[i] + offset) & 15);
        packed[i / 2] = static_cast<std::uint8_t>(packed[i / 2] | (nibble << (i % 2 == 0 ? 0 : 4)));
    }
    return packed;
}

at::Tensor unpackNibbles(const std::vector<std::uint8_t>& packed, std::int64_t rows, std::int64_t columns, const WeightGrid& grid)
{
    at::Tensor codes = at::empty({rows, columns}, grid.symmetric ? at::kChar : at::kByte);
    auto* to = static_cast<std::uint8_t*>(codes.mutable_data_ptr());
    const int offset = nibbleOffset(grid);
    const auto count = static_cast<std::size_t>(rows * columns);
    for (std::size_t i = 0; i < count; ++i)
        to[i] = static_cast<std::uint8_t>(((packed[i / 2] >> (i % 2 == 0 ? 0 : 4)) & 15) - offset);
    return codes;
}

void checkCodes(const StoredLinear& linear)
{
    const QuantizedWeight& weight = *linear.weight;
    const at::Tensor& codes = weight.codes;
    const bool good = codes.defined() && codes.dim() == 2 && codes.is_cpu()
        && codes.scalar_type() == (weight.grid.symmetric ? at::kChar : at::kByte)
        && weight.scales.scale.defined() && weight.scales.scale.dim() == 2 && weight.scales.scale.scalar_type() == at::kFloat
        && (weight.grid.symmetric || (weight.scales.zero.defined() && weight.scales.zero.scalar_type() == at::kInt
            && weight.scales.zero.sizes() == weight.scales.scale.sizes()));
    if (!good)
        throw Error(ErrorKind::Internal, "The codes or scales of \"" + linear.name + "\" have not the types that a run stores.",
            linear.name);
}

void writeWeightGrid(Hdf5Writer& file, const std::string& at, const WeightGrid& grid)
{
    file.attribute(at, "weight_bits", std::int64_t{grid.bits});
    file.attribute(at, "weight_group", std::int64_t{grid.group});
    file.attribute(at, "weight_symmetric", std::int64_t{grid.symmetric});
    file.attribute(at, "weight_per_tensor", std::int64_t{grid.perTensor});
    file.attribute(at, "weight_range", grid.range == WeightGrid::Range::Full ? "full" : "narrow");
    file.attribute(at, "weight_clip", grid.clip == WeightGrid::Clip::Mse ? "mse" : "none");
}

void writeActivations(Hdf5Writer& file, const std::string& at, const ActivationGrid& grid, const ActivationRanges& ranges)
{
    file.attribute(at, "activation_scheme", name(grid.scheme));
    file.attribute(at, "activation_bits", std::int64_t{grid.bits});
    file.attribute(at, "activation_symmetric", std::int64_t{grid.symmetric});
    file.attribute(at, "activation_alpha", grid.alpha);
    file.attribute(at, "range_minimum", static_cast<double>(ranges.minimum));
    file.attribute(at, "range_maximum", static_cast<double>(ranges.maximum));
    const auto floats = [&](const char* key, const std::vector<float>& channel) {
        if (!channel.empty())
            file.dataset<float>(at + "/" + key, channel, {channel.size()}, Hdf5Packing::Shuffled);
    };
    floats("range_channel_absmax", ranges.channelAbsmax);
    floats("range_channel_min", ranges.channelMin);
    floats("range_channel_max", ranges.channelMax);
}

void writeNotes(Hdf5Writer& file, const std::string& at, const std::vector<std::string>& notes)
{
    const std::string text = Json(notes).dump();
    file.dataset<std::uint8_t>(at + "/notes", {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, {text.size()}, Hdf5Packing::Plain);
}

/// All of a result that two equal runs have in common; seconds are the manifest's.
void writeResult(Hdf5Writer& file, const std::string& at, const LinearResult& result)
{
    file.attribute(at, "method", result.method);
    file.attribute(at, "weight_sqnr_db", result.weightSqnrDb);
    file.attribute(at, "output_mse", result.outputMse);
    file.attribute(at, "damping", result.damping);
    if (result.notes.empty())
        return;
    writeNotes(file, at, result.notes);
}

Hdf5Shape shapeOf(const at::Tensor& tensor)
{
    Hdf5Shape shape;
    for (const std::int64_t size : tensor.sizes())
        shape.push_back(static_cast<std::uint64_t>(size));
    return shape;
}

void writeFactors(Hdf5Writer& file, const std::string& at, const StoredLinear& linear)
{
    const LowRank& factors = *linear.factors;
    file.attribute(at, "factor_rank", factors.rank());
    file.attribute(at, "factor_bits", std::int64_t{factors.bits()});
    if (factors.rank() == 0)
        return;
    const auto floats = [&](const char* key, const at::Tensor& x) {
        file.dataset<float>(at + "/" + key, values<float>(x), shapeOf(x), Hdf5Packing::Shuffled);
    };
    if (!factors.coded()) {
        floats("factor_left", factors.left);
        floats("factor_right", factors.right);
        return;
    }
    file.dataset<std::int8_t>(at + "/factor_left", values<std::int8_t>(factors.left), shapeOf(factors.left), Hdf5Packing::Plain);
    file.dataset<std::int8_t>(at + "/factor_right", values<std::int8_t>(factors.right), shapeOf(factors.right), Hdf5Packing::Plain);
    floats("factor_left_scale", factors.leftScale);
    floats("factor_right_scale", factors.rightScale);
}

void writeLinear(Hdf5Writer& file, const std::string& at, const StoredLinear& linear)
{
    file.group(at);
    file.attribute(at, "name", linear.name);
    writeResult(file, at, linear.result);
    writeActivations(file, at, linear.activations, linear.ranges);
    file.attribute(at, "quantized", std::int64_t{linear.weight.has_value()});
    writeWeightGrid(file, at, linear.weight ? linear.weight->grid : linear.result.weights);
    if (!linear.weight)
        return;
    checkCodes(linear);
    const QuantizedWeight& weight = *linear.weight;
    const auto rows = static_cast<std::uint64_t>(weight.codes.size(0)), columns = static_cast<std::uint64_t>(weight.codes.size(1));
    file.attribute(at, "rows", static_cast<std::int64_t>(rows));
    file.attribute(at, "columns", static_cast<std::int64_t>(columns));
    if (weight.grid.bits <= kNibbleBits) {
        const std::vector<std::uint8_t> packed = packNibbles(weight.codes, weight.grid);
        file.dataset<std::uint8_t>(at + "/codes", packed, {packed.size()}, Hdf5Packing::Plain);
    } else if (weight.grid.symmetric) {
        file.dataset<std::int8_t>(at + "/codes", values<std::int8_t>(weight.codes.contiguous()), {rows, columns}, Hdf5Packing::Plain);
    } else {
        file.dataset<std::uint8_t>(at + "/codes", values<std::uint8_t>(weight.codes.contiguous()), {rows, columns}, Hdf5Packing::Plain);
    }
    const at::Tensor scale = weight.scales.scale.contiguous();
    const Hdf5Shape scaleShape{static_cast<std::uint64_t>(scale.size(0)), static_cast<std::uint64_t>(scale.size(1))};
    file.dataset<float>(at + "/scale", values<float>(scale), scaleShape, Hdf5Packing::Shuffled);
    if (!weight.grid.symmetric)
        file.dataset<std::int32_t>(at + "/zero", values<std::int32_t>(weight.scales.zero.contiguous()), scaleShape, Hdf5Packing::Shuffled);
    if (linear.factors)
        writeFactors(file, at, linear);
    if (!linear.result.compensation.empty()) {
        file.attribute(at, "compensation", linear.result.compensation);
        file.attribute(at, "compensated", linear.result.compensated);
        if (!linear.result.errorSpectrum.empty())
            file.dataset<float>(at + "/error_spectrum", linear.result.errorSpectrum, {linear.result.errorSpectrum.size()}, Hdf5Packing::Shuffled);
    }
}

void writeCurve(Hdf5Writer& file, const std::string& at, const LossCurve& curve)
{
    file.group(at);
    file.attribute(at, "what", curve.what);
    file.attribute(at, "start", curve.start);
    file.attribute(at, "end", curve.end);
    file.attribute(at, "best_step", std::int64_t{curve.bestStep});
    file.attribute(at, "rollbacks", std::int64_t{curve.rollbacks});
    file.attribute(at, "held_out_start", curve.heldOutStart);
    file.attribute(at, "held_out_end", curve.heldOutEnd);
    if (!curve.losses.empty())
        file.dataset<float>(at + "/losses", curve.losses, {curve.losses.size()}, Hdf5Packing::Shuffled);
    if (!curve.notes.empty())
        writeNotes(file, at, curve.notes);
}

void writeTensor(Hdf5Writer& file, const std::string& at, const StoredTensor& tensor)
{
    file.group(at);
    file.attribute(at, "name", tensor.name);
    const at::Tensor value = tensor.value.contiguous();
    file.dataset<float>(at + "/value", values<float>(value), shapeOf(value), Hdf5Packing::Shuffled);
}

std::vector<std::string> readNotes(const Hdf5Reader& file, const std::string& at)
{
    std::vector<std::string> notes;
    if (!file.has(at + "/notes"))
        return notes;
    const auto bytes = file.dataset<std::uint8_t>(at + "/notes");
    for (const Json& note : parseJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.subject()))
        if (note.is_string())
            notes.push_back(note.get<std::string>());
    return notes;
}

LossCurve readCurve(const Hdf5Reader& file, const std::string& at)
{
    LossCurve curve;
    curve.what = file.text(at, "what");
    curve.start = file.real(at, "start");
    curve.end = file.real(at, "end");
    curve.bestStep = static_cast<int>(file.integer(at, "best_step"));
    curve.rollbacks = static_cast<int>(file.integer(at, "rollbacks"));
    if (file.hasAttribute(at, "held_out_start")) {   // runs of earlier versions have none
        curve.heldOutStart = file.real(at, "held_out_start");
        curve.heldOutEnd = file.real(at, "held_out_end");
    }
    if (file.has(at + "/losses"))
        curve.losses = file.dataset<float>(at + "/losses");
    curve.notes = readNotes(file, at);
    return curve;
}

StoredTensor readTensor(const Hdf5Reader& file, const std::string& at)
{
    const Hdf5Shape shape = file.shape(at + "/value");
    if (shape.empty() || shape.size() > 2)
        throw Error(ErrorKind::BadFile, file.subject() + ": " + at + " holds no vector or matrix.", file.subject());
    std::vector<std::int64_t> sizes;
    for (const std::uint64_t size : shape)
        sizes.push_back(static_cast<std::int64_t>(size));
    return {file.text(at, "name"), tensorOf(file.dataset<float>(at + "/value", shape), sizes, at::kFloat)};
}

/// Reads one linear; every size is checked against the others.
class LinearReader {
public:
    LinearReader(const Hdf5Reader& file, std::string at) : m_file(file), m_at(std::move(at)) {}

    StoredLinear read() const
    {
        StoredLinear linear;
        linear.name = m_file.text(m_at, "name");
        linear.activations = activations();
        linear.ranges = ranges();
        const WeightGrid grid = weightGrid();
        if (boolean("quantized"))
            linear.weight = weight(grid);
        LinearResult& result = linear.result;
        result.linear = linear.name;
        result.method = m_file.text(m_at, "method");
        result.weights = grid;
        result.activations = linear.activations;
        result.weightSqnrDb = m_file.real(m_at, "weight_sqnr_db");
        result.outputMse = m_file.real(m_at, "output_mse");
        result.damping = m_file.real(m_at, "damping");
        result.notes = readNotes(m_file, m_at);
        if (m_file.hasAttribute(m_at, "compensation")) {
            result.compensation = m_file.text(m_at, "compensation");
            result.compensated = m_file.real(m_at, "compensated");
            if (m_file.hasAttribute(m_at, "factor_rank"))
                result.rank = integer("factor_rank", 0, kMaxSide);
            if (m_file.has(m_at + "/error_spectrum"))
                result.errorSpectrum = m_file.dataset<float>(m_at + "/error_spectrum");
        }
        if (linear.weight && m_file.hasAttribute(m_at, "factor_rank"))
            linear.factors = factors(linear.weight->codes.size(0), linear.weight->codes.size(1));
        return linear;
    }

private:
    [[noreturn]] void bad(const std::string& what) const { throw Error(ErrorKind::BadFile, m_file.subject() + ": " + m_at + " " + what
        + ".", m_file.subject()); }

    std::int64_t integer(const char* key, std::int64_t minimum, std::int64_t maximum) const
    {
        const std::int64_t value = m_file.integer(m_at, key);
        if (value < minimum || value > maximum)
            bad(std::string("has ") + key + " " + std::to_string(value) + "; allowed are " + std::to_string(minimum) + " to "
                + std::to_string(maximum));
        return value;
    }
    bool boolean(const char* key) const { return integer(key, 0, 1) == 1; }

    WeightGrid weightGrid() const
    {
        WeightGrid grid;
        grid.bits = static_cast<int>(integer("weight_bits", 2, 16));
        grid.group = static_cast<int>(integer("weight_group", 0, 1 << 30));
        grid.symmetric = boolean("weight_symmetric");
        grid.perTensor = boolean("weight_per_tensor");
        grid.range = m_file.text(m_at, "weight_range") == "full" ? WeightGrid::Range::Full : WeightGrid::Range::Narrow;
        grid.clip = m_file.text(m_at, "weight_clip") == "mse" ? WeightGrid::Clip::Mse : WeightGrid::Clip::None;
        return grid;
    }

    ActivationGrid activations() const
    {
        ActivationGrid grid;
        try {
            grid.scheme = activationSchemeFromName(m_file.text(m_at, "activation_scheme"));
        } catch (const Error& e) {
            if (e.kind() == ErrorKind::BadFile)
                throw;
            bad(std::string("has an activation scheme that is not known here: ") + e.what());
        }
        grid.bits = static_cast<int>(integer("activation_bits", 2, 16));
        grid.symmetric = boolean("activation_symmetric");
        grid.alpha = m_file.real(m_at, "activation_alpha");
        return grid;
    }

    ActivationRanges ranges() const
    {
        ActivationRanges ranges;
        ranges.minimum = static_cast<float>(m_file.real(m_at, "range_minimum"));
        ranges.maximum = static_cast<float>(m_file.real(m_at, "range_maximum"));
        const auto floats = [this](const char* key) {
            const std::string path = m_at + "/" + key;
            return m_file.has(path) ? m_file.dataset<float>(path) : std::vector<float>();
        };
        ranges.channelAbsmax = floats("range_channel_absmax");
        ranges.channelMin = floats("range_channel_min");
        ranges.channelMax = floats("range_channel_max");
        return ranges;
    }

    LowRank factors(std::int64_t rows, std::int64_t columns) const
    {
        const std::int64_t rank = integer("factor_rank", 0, std::min(rows, columns)), bits = integer("factor_bits", 8, 16);
        if (rank == 0)
            return {at::zeros({rows, 0}), at::zeros({0, columns}), {}, {}};
        const auto r = static_cast<std::uint64_t>(rows), c = static_cast<std::uint64_t>(columns), k = static_cast<std::uint64_t>(rank);
        const auto floats = [&](const char* key, std::uint64_t a, std::uint64_t b) {
            return tensorOf(m_file.dataset<float>(m_at + "/" + key, {a, b}), {static_cast<std::int64_t>(a), static_cast<std::int64_t>(b)}, at::kFloat);
        };
        if (bits == 16)
            return {floats("factor_left", r, k), floats("factor_right", k, c), {}, {}};
        return {tensorOf(m_file.dataset<std::int8_t>(m_at + "/factor_left", {r, k}), {rows, rank}, at::kChar),
            tensorOf(m_file.dataset<std::int8_t>(m_at + "/factor_right", {k, c}), {rank, columns}, at::kChar),
            floats("factor_left_scale", 1, k), floats("factor_right_scale", k, 1)};
    }

    QuantizedWeight weight(const WeightGrid& grid) const
    {
        QuantizedWeight weight;
        weight.grid = grid;
        const std::int64_t rows = integer("rows", 1, kMaxSide), columns = integer("columns", 1, kMaxSide);
        try {
            validate(grid, columns);
        } catch (const Error& e) {
            bad(std::string("has a grid that is not possible: ") + e.what());
        }
        const auto r = static_cast<std::uint64_t>(rows), c = static_cast<std::uint64_t>(columns);
        if (grid.bits <= kNibbleBits)
            weight.codes = unpackNibbles(m_file.dataset<std::uint8_t>(m_at + "/codes", {(r * c + 1) / 2}), rows, columns, grid);
        else if (grid.symmetric)
            weight.codes = tensorOf(m_file.dataset<std::int8_t>(m_at + "/codes", {r, c}), {rows, columns}, at::kChar);
        else
            weight.codes = tensorOf(m_file.dataset<std::uint8_t>(m_at + "/codes", {r, c}), {rows, columns}, at::kByte);
        const std::int64_t scaleRows = grid.perTensor ? 1 : rows;
        const std::int64_t groups = grid.group > 0 ? columns / grid.group : 1;
        const Hdf5Shape shape{static_cast<std::uint64_t>(scaleRows), static_cast<std::uint64_t>(groups)};
        weight.scales.scale = tensorOf(m_file.dataset<float>(m_at + "/scale", shape), {scaleRows, groups}, at::kFloat);
        weight.scales.zero = grid.symmetric ? at::zeros({scaleRows, groups}, at::kInt)
                                            : tensorOf(m_file.dataset<std::int32_t>(m_at + "/zero", shape), {scaleRows, groups}, at::kInt);
        return weight;
    }

    const Hdf5Reader& m_file;
    std::string m_at;
};

std::int64_t countOf(const Hdf5Reader& file, const char* key)
{
    const std::int64_t count = file.hasAttribute(kRoot, key) ? file.integer(kRoot, key) : 0;   // files of earlier versions have none
    if (count < 0 || count > kMaxLinears)
        throw Error(ErrorKind::BadFile, file.subject() + ": says that it has " + std::to_string(count) + " " + key + ".", file.subject());
    return count;
}

void requireBlock(const Hdf5Reader& file, int block)
{
    const std::int64_t linears = file.integer(kRoot, "linears");
    if (file.integer(kRoot, "version") != kVersion || file.integer(kRoot, "block") != block || linears < 0 || linears > kMaxLinears)
        throw Error(ErrorKind::BadFile,
            file.subject() + ": is no result of block " + std::to_string(block) + " in version " + std::to_string(kVersion) + ".", file.subject());
}

BlockEvidence evidenceOf(const Hdf5Reader& file)
{
    BlockEvidence kept;
    for (std::int64_t i = 0, count = countOf(file, "curves"); i < count; ++i)
        kept.curves.push_back(readCurve(file, numbered("/curve", i)));
    for (std::int64_t i = 0, count = countOf(file, "transforms"); i < count; ++i)
        kept.transforms.push_back(readTransform(file, numbered("/transform", i)));
    for (std::int64_t i = 0, count = countOf(file, "weights"); i < count; ++i)
        kept.weights.push_back(readWeightEvidence(file, numbered("/weight", i)));
    for (std::int64_t i = 0, count = countOf(file, "sites"); i < count; ++i)
        kept.sites.push_back(readSiteChange(file, numbered("/site", i)));
    return kept;
}

} // namespace

std::vector<std::byte> blockImage(const StoredBlock& block)
{
    Hdf5Writer file("results of block " + std::to_string(block.block));
    file.attribute(kRoot, "content", "halftone block");
    file.attribute(kRoot, "version", kVersion);
    file.attribute(kRoot, "block", std::int64_t{block.block});
    file.attribute(kRoot, "linears", static_cast<std::int64_t>(block.linears.size()));
    file.attribute(kRoot, "curves", static_cast<std::int64_t>(block.result.curves.size()));
    file.attribute(kRoot, "transforms", static_cast<std::int64_t>(block.result.transforms.size()));
    file.attribute(kRoot, "tensors", static_cast<std::int64_t>(block.tensors.size()));
    for (std::size_t i = 0; i < block.linears.size(); ++i)
        writeLinear(file, numbered("/linear", static_cast<std::int64_t>(i)), block.linears[i]);
    for (std::size_t i = 0; i < block.result.curves.size(); ++i)
        writeCurve(file, numbered("/curve", static_cast<std::int64_t>(i)), block.result.curves[i]);
    for (std::size_t i = 0; i < block.result.transforms.size(); ++i)
        writeTransform(file, numbered("/transform", static_cast<std::int64_t>(i)), block.result.transforms[i]);
    for (std::size_t i = 0; i < block.tensors.size(); ++i)
        writeTensor(file, numbered("/tensor", static_cast<std::int64_t>(i)), block.tensors[i]);
    file.attribute(kRoot, "weights", static_cast<std::int64_t>(block.result.weights.size()));
    file.attribute(kRoot, "sites", static_cast<std::int64_t>(block.result.sites.size()));
    for (std::size_t i = 0; i < block.result.weights.size(); ++i)
        writeWeightEvidence(file, numbered("/weight", static_cast<std::int64_t>(i)), block.result.weights[i]);
    for (std::size_t i = 0; i < block.result.sites.size(); ++i)
        writeSiteChange(file, numbered("/site", static_cast<std::int64_t>(i)), block.result.sites[i]);
    return file.finish();
}

BlockEvidence readBlockEvidence(std::span<const std::byte> image, const std::string& subject, int block)
{
    const Hdf5Reader file(image, subject);
    requireBlock(file, block);
    return evidenceOf(file);
}

StoredBlock readBlockImage(std::span<const std::byte> image, const std::string& subject, int block)
{
    const Hdf5Reader file(image, subject);
    requireBlock(file, block);
    StoredBlock stored;
    stored.block = block;
    for (std::int64_t i = 0, count = file.integer(kRoot, "linears"); i < count; ++i)
        stored.linears.push_back(LinearReader(file, numbered("/linear", i)).read());
    for (std::int64_t i = 0, count = countOf(file, "tensors"); i < count; ++i)
        stored.tensors.push_back(readTensor(file, numbered("/tensor", i)));
    setEvidence(stored.result, evidenceOf(file));
    return stored;
}

} // namespace halftone
