#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace halftone {

/// Storage types of tensors on disk: all of safetensors, and those of GGUF that are decoded.
enum class DType {
    F32, F16, BF16, F64, I8, U8, I16, I32, I64, Bool, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K,
    U16, U32, U64, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, F6_E2M3, F6_E3M2, F4, C64
};

/// As safetensors and gguf-py call it: "BF16", "Q4_1", "BOOL".
std::string_view name(DType type);
/// True for F64, F32, F16, BF16, F8_E4M3, F8_E5M2 and the block formats: what a weight may be stored as.
bool isWeightType(DType type);

struct TensorInfo {
    std::string name;                 ///< as in the file
    DType dtype = DType::F32;
    std::vector<std::int64_t> shape;  ///< row-major, outermost first ([out, in]); GGUF's reversed order is turned round
    std::uint64_t offset = 0;         ///< in its file
    std::uint64_t bytes = 0;
    int file = 0;                     ///< index into files()

    std::int64_t elements() const;
};

/// What lies on disk: a Hugging Face folder (safetensors, one file or sharded) or a GGUF file. Opening reads headers only;
/// tensors are read on demand. Everything is validated before an object exists (file-safety A). Thread-safe for reading.
class Checkpoint {
public:
    enum class Kind { HuggingFace, Gguf };

    /// A folder, a .gguf file, or a file of such a folder (its folder is opened then).
    /// @throws Error{BadFile} with file, reason and rule ("E-R06"); Error{Unsupported} for pickles, with how to convert.
    static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& path);
    virtual ~Checkpoint() = default;

    virtual Kind kind() const = 0;
    const std::filesystem::path& path() const { return m_path; }
    const std::vector<std::filesystem::path>& files() const { return m_files; }
    /// In file order (shards one after the other).
    const std::vector<TensorInfo>& tensors() const { return m_tensors; }
    const TensorInfo* find(std::string_view name) const;
    /// @throws Error{BadFile} when there is no such tensor.
    const TensorInfo& at(std::string_view name) const;
    /// Why find() does not know it, where more can be said than that: the end of a sentence, or empty.
    std::string whyAbsent(std::string_view name) const;
    /// What is odd about the files though they could be read: whole sentences.
    const std::vector<std::string>& notes() const { return m_notes; }

    /// config.json of a Hugging Face folder; the key-values of a GGUF file as one flat object (arrays of the vocabulary included).
    virtual const nlohmann::json& metadata() const = 0;

    /// Rows [firstRow, firstRow + rows) of a tensor as float32 (dequantized block-exactly), `out` = rows × row length.
    /// A vector counts as one row per element. @throws Error{BadFile} on a read past the end or a type that is no weight.
    void readRows(const TensorInfo& tensor, std::int64_t firstRow, std::int64_t rows, std::span<float> out) const;
    std::vector<float> readFloats(const TensorInfo& tensor) const;
    /// The bytes as stored.
    std::vector<std::byte> readRaw(const TensorInfo& tensor) const { return readPart(tensor, 0, tensor.bytes); }
    /// `bytes` of them, from byte `first` of the tensor.
    std::vector<std::byte> readPart(const TensorInfo& tensor, std::uint64_t first, std::uint64_t bytes) const;
    /// @throws Error{BadFile} if a file changed on disk since it was opened.
    void checkUnchanged() const;
    std::uint64_t totalBytes() const;
    /// SHA-256 of each of files()' headers, and of config.json.
    const std::vector<std::string>& headerHashes() const { return m_headerHashes; }
    /// The digest of identityOf(): what resume compares. Independent of where the model lies and when it was copied.
    std::string fingerprint() const;

protected:
    virtual void readBytes(int file, std::uint64_t offset, std::span<std::byte> out) const = 0;
    virtual void checkFilesUnchanged() const = 0;
    /// @throws Error{BadFile} when a name stands twice.
    void indexTensors();

    std::filesystem::path m_path;
    std::vector<std::filesystem::path> m_files;
    std::vector<TensorInfo> m_tensors;
    std::vector<std::string> m_notes;
    std::map<std::string, std::string, std::less<>> m_absent;  ///< tensor → why it is not there
    std::vector<std::uint64_t> m_sizes;                        ///< bytes of each of files()
    std::vector<std::string> m_headerHashes;                   ///< SHA-256 of each header (and of config.json)
    std::vector<std::pair<std::string, std::size_t>> m_index;  ///< sorted by name
};

/// Decodes `count` weights (whole blocks) of a stored type to float32, block-exactly as gguf-py does.
/// @throws Error{Unsupported} for types that are no weights.
void decodeWeights(DType type, std::span<const std::byte> stored, std::span<float> out);
/// Weights a block (1 for plain types) and bytes a block.
struct BlockLayout { std::uint64_t weights; std::uint64_t bytes; };
BlockLayout blockLayout(DType type);

/// A coarse grid that weights already lie on (a 4-bit GGUF, or its dequantized copy).
struct CoarseGrid {
    int blockSize = 0;   ///< weights that share a scale
    int levels = 0;      ///< most distinct values seen in a block
    int tensors = 0;     ///< how many of the tensors looked at show it
    int looked = 0;
    std::string source;  ///< "Q4_1" when the file's own type says so, else empty
};
/// By the stored type of most block weights (GGUF), else by sampling rows of the blocks' 2-D weights: how many distinct values do aligned
/// runs of 16, 32, 64 … weights hold? Empty when the weights are really float.
std::optional<CoarseGrid> detectCoarseGrid(const Checkpoint& checkpoint);

} // namespace halftone
