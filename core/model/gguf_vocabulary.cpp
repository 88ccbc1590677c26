#include "core/base/error.h"
#include "core/base/json_number.h"
#include "core/model/config_reader.h"
#include "core/model/model.h"

namespace halftone {

namespace {

template <typename Value>
std::vector<Value> list(const ConfigReader& reader, std::string_view key)
{
    std::vector<Value> values;
    const Json* array = reader.find(key);
    if (!array)
        return values;
    if (!array->is_array())
        reader.fail(key, "is no list");
    values.reserve(array->size());
    for (const Json& item : *array) {
        if constexpr (std::is_same_v<Value, std::string>) {
            if (!item.is_string())
                reader.fail(key, "holds something other than text");
        } else if constexpr (std::is_integral_v<Value>) {
            if (!wholeNumber<Value>(item))
                reader.fail(key, "holds something other than whole numbers of 32 bits");
        } else if (!item.is_number()) {
            reader.fail(key, "holds something other than numbers");
        }
        values.push_back(item.get<Value>());
    }
    return values;
}

} // namespace

GgufVocabulary readGgufVocabulary(const Checkpoint& checkpoint)
{
    const std::string file = checkpoint.path().string();
    const ConfigReader reader(checkpoint.metadata(), file, "tokenizer.");
    GgufVocabulary out;
    out.file = file;
    out.name = ConfigReader(checkpoint.metadata(), file).text("general.name", "");
    out.model = reader.text("ggml.model", "");
    out.pre = reader.text("ggml.pre", "");
    out.tokens = list<std::string>(reader, "ggml.tokens");
    out.scores = list<float>(reader, "ggml.scores");
    out.types = list<std::int32_t>(reader, "ggml.token_type");
    out.merges = list<std::string>(reader, "ggml.merges");
    if (out.model.empty() || out.tokens.empty())
        reader.fail("ggml.tokens", "is missing: the file carries no vocabulary");
    const auto agree = [&](std::string_view key, std::size_t size) {
        if (size != 0 && size != out.tokens.size())
            reader.fail(key, "has " + std::to_string(size) + " entries for " + std::to_string(out.tokens.size()) + " tokens");
    };
    agree("ggml.scores", out.scores.size());
    agree("ggml.token_type", out.types.size());
    const auto last = static_cast<std::int64_t>(out.tokens.size()) - 1;
    const auto id = [&](std::string_view key) { return static_cast<std::int32_t>(reader.integer(key, -1, last, -1)); };
    out.bos = id("ggml.bos_token_id");
    out.eos = id("ggml.eos_token_id");
    out.unk = id("ggml.unknown_token_id");
    out.pad = id("ggml.padding_token_id");
    const auto flag = [&](std::string_view key) { return reader.has(key) ? std::optional(reader.boolean(key, false)) : std::nullopt; };
    out.addBos = flag("ggml.add_bos_token");
    out.addEos = flag("ggml.add_eos_token");
    out.addSpacePrefix = flag("ggml.add_space_prefix");
    out.chatTemplate = reader.text("chat_template", "");
    return out;
}

} // namespace halftone
