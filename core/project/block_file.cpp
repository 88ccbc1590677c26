#include "core/project/block_file.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/project/hdf5_file.h"

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

/// All of a result that two equal runs have in common; seconds are the manifest's.
void writeResult(Hdf5Writer& file, const std::string& at, const LinearResult& result)
{
    file.attribute(at, "method", result.method);
    file.attribute(at, "weight_sqnr_db", result.weightSqnrDb);
    file.attribute(at, "output_mse", result.outputMse);
    file.attribute(at, "damping", result.damping);
    if (result.notes.empty())
        return;
    const std::string notes = Json(result.notes).dump();
    file.dataset<std::uint8_t>(at + "/notes", {reinterpret_cast<const std::uint8_t*>(notes.data()), notes.size()}, {notes.size()},
        Hdf5Packing::Plain);
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
        if (m_file.has(m_at + "/notes")) {
            const auto bytes = m_file.dataset<std::uint8_t>(m_at + "/notes");
            for (const Json& note : parseJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, m_file.subject()))
                if (note.is_string())
                    result.notes.push_back(note.get<std::string>());
        }
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

} // namespace

std::vector<std::byte> blockImage(const StoredBlock& block)
{
    Hdf5Writer file("results of block " + std::to_string(block.block));
    file.attribute(kRoot, "content", "halftone block");
    file.attribute(kRoot, "version", kVersion);
    file.attribute(kRoot, "block", std::int64_t{block.block});
    file.attribute(kRoot, "linears", static_cast<std::int64_t>(block.linears.size()));
    for (std::size_t i = 0; i < block.linears.size(); ++i)
        writeLinear(file, numbered("/linear", static_cast<std::int64_t>(i)), block.linears[i]);
    return file.finish();
}

StoredBlock readBlockImage(std::span<std::byte> image, const std::string& subject, int block)
{
    const Hdf5Reader file(image, subject);
    const std::int64_t linears = file.integer(kRoot, "linears");
    if (file.integer(kRoot, "version") != kVersion || file.integer(kRoot, "block") != block || linears < 0 || linears > kMaxLinears)
        throw Error(ErrorKind::BadFile,
            subject + ": is no result of block " + std::to_string(block) + " in version " + std::to_string(kVersion) + ".", subject);
    StoredBlock stored;
    stored.block = block;
    for (std::int64_t i = 0; i < linears; ++i)
        stored.linears.push_back(LinearReader(file, numbered("/linear", i)).read());
    return stored;
}

} // namespace halftone
