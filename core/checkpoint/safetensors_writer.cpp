#include "core/checkpoint/safetensors_writer.h"

#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/checkpoint/readers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <set>

namespace halftone {

namespace {

/// Numbers in names count as numbers: layer 10 after layer 9. So a caller that makes tensors block by block is asked block by block.
bool naturalLess(const std::string& a, const std::string& b)
{
    const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() && j < b.size()) {
        if (!digit(a[i]) || !digit(b[j])) {
            if (a[i] != b[j])
                return a[i] < b[j];
            ++i, ++j;
            continue;
        }
        const auto run = [&](const std::string& text, std::size_t& at) {
            while (at + 1 < text.size() && text[at] == '0' && digit(text[at + 1]))
                ++at;
            const std::size_t from = at;
            while (at < text.size() && digit(text[at]))
                ++at;
            return text.substr(from, at - from);
        };
        const std::string left = run(a, i);
        const std::string right = run(b, j);
        if (left.size() != right.size())
            return left.size() < right.size();
        if (left != right)
            return left < right;
    }
    return a.size() - i != b.size() - j ? a.size() - i < b.size() - j : a < b;
}

std::uint64_t elementSize(const TensorToWrite& tensor)
{
    return blockLayout(tensor.dtype).bytes;
}

struct Shard {
    std::string name;
    std::vector<const TensorToWrite*> tensors;
    std::uint64_t bytes = 0;
};

/// Readers that map the file want each tensor on a multiple of its element size. Names in order nearly always give that; else the
/// widest elements go first, as the reference writer does.
void orderForAlignment(Shard& shard)
{
    std::uint64_t at = 0;
    bool aligned = true;
    for (const TensorToWrite* tensor : shard.tensors) {
        aligned = aligned && at % elementSize(*tensor) == 0;
        at += tensor->bytes();
    }
    if (!aligned)
        std::stable_sort(shard.tensors.begin(), shard.tensors.end(),
                         [](const TensorToWrite* a, const TensorToWrite* b) { return elementSize(*a) > elementSize(*b); });
}

std::string headerOf(const Shard& shard, const std::map<std::string, std::string>& metadata)
{
    OrderedJson header = OrderedJson::object();
    auto& entries = header.get_ref<OrderedJson::object_t&>(); // appended as it is: the names are known to differ
    if (!metadata.empty())
        entries.emplace_back("__metadata__", OrderedJson(metadata));
    std::uint64_t at = 0;
    for (const TensorToWrite* tensor : shard.tensors) {
        const std::uint64_t end = at + tensor->bytes();
        entries.emplace_back(tensor->name,
                             OrderedJson{{"dtype", name(tensor->dtype)}, {"shape", tensor->shape}, {"data_offsets", {at, end}}});
        at = end;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const OrderedJson::exception&) {
        throw Error(ErrorKind::InvalidArgument, shard.name + ": a tensor's name or the metadata is no valid UTF-8.", shard.name);
    }
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
}

void writeShard(const std::filesystem::path& folder, const Shard& shard, const std::map<std::string, std::string>& metadata)
{
    const std::string header = headerOf(shard, metadata);
    std::array<std::byte, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i)
        length[i] = static_cast<std::byte>(header.size() >> (8 * i));
    AtomicFile file(folder / shard.name, 8 + header.size() + shard.bytes);
    file.write(length);
    file.write(header);
    for (const TensorToWrite* tensor : shard.tensors) {
        const std::vector<std::byte> bytes = tensor->fill();
        if (bytes.size() != tensor->bytes())
            throw Error(ErrorKind::Internal,
                        "tensor \"" + printable(tensor->name) + "\" came with " + std::to_string(bytes.size()) + " bytes; "
                            + std::to_string(tensor->bytes()) + " were announced.",
                        tensor->name);
        file.write(bytes);
    }
    file.commit();
}

std::vector<Shard> layOut(const std::vector<TensorToWrite>& tensors, std::uint64_t shardBytes)
{
    std::vector<const TensorToWrite*> order;
    for (const TensorToWrite& tensor : tensors)
        order.push_back(&tensor);
    std::sort(order.begin(), order.end(), [](const TensorToWrite* a, const TensorToWrite* b) { return naturalLess(a->name, b->name); });

    std::vector<Shard> shards(1);
    for (const TensorToWrite* tensor : order) {
        const std::uint64_t bytes = tensor->bytes();
        if (!shards.back().tensors.empty() && (bytes > shardBytes || shards.back().bytes > shardBytes - bytes))
            shards.emplace_back();
        shards.back().tensors.push_back(tensor);
        shards.back().bytes += bytes;
    }
    for (std::size_t i = 0; i < shards.size(); ++i) {
        std::array<char, 64> text{};
        std::snprintf(text.data(), text.size(), "model-%05zu-of-%05zu.safetensors", i + 1, shards.size());
        shards[i].name = shards.size() == 1 ? "model.safetensors" : text.data();
        orderForAlignment(shards[i]);
    }
    return shards;
}

} // namespace

std::uint64_t TensorToWrite::bytes() const
{
    const auto size = storedBytes(dtype, shape);
    if (!size || blockLayout(dtype).weights != 1)
        throw Error(ErrorKind::InvalidArgument,
                    "tensor \"" + printable(name) + "\" of " + std::string(halftone::name(dtype)) + " " + shapeText(shape)
                        + " cannot be stored in a safetensors file.",
                    name);
    return *size;
}

std::vector<std::string> writeSafetensors(const std::filesystem::path& folder, const std::vector<TensorToWrite>& tensors,
                                          std::uint64_t shardBytes, const std::map<std::string, std::string>& metadata)
{
    std::set<std::string_view> names;
    std::uint64_t total = 0;
    for (const TensorToWrite& tensor : tensors) {
        if (tensor.name == "__metadata__" || !names.insert(tensor.name).second)
            throw Error(ErrorKind::InvalidArgument, "tensor \"" + printable(tensor.name) + "\" cannot be written: its name stands twice.",
                        tensor.name);
        const auto sum = checked::add(total, tensor.bytes());
        if (!sum)
            throw Error(ErrorKind::InvalidArgument, folder.string() + ": the tensors' sizes overflow.", folder.string());
        total = *sum;
    }
    requireDiskSpace(folder, total);

    const std::vector<Shard> shards = layOut(tensors, shardBytes);
    std::vector<std::string> written;
    Json weightMap = Json::object();
    for (const Shard& shard : shards) {
        writeShard(folder, shard, metadata);
        written.push_back(shard.name);
        for (const TensorToWrite* tensor : shard.tensors)
            weightMap[tensor->name] = shard.name;
    }
    if (shards.size() > 1) {
        const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weightMap}};
        writeFileAtomically(folder / "model.safetensors.index.json", index.dump(2) + "\n");
        written.emplace_back("model.safetensors.index.json");
    }
    return written;
}

} // namespace halftone
