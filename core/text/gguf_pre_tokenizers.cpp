#include "core/text/gguf_pre_tokenizers.h"

#include "core/base/error.h"

#include <span>
#include <string>
#include <vector>

namespace halftone {

namespace {

constexpr const char* kGpt2 = R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re";

// The contractions of Llama 3 and its kin, in any case but within ASCII.
#define HALFTONE_CONTRACTIONS "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define HALFTONE_TAIL R"re(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"

constexpr const char* kLlama3 = HALFTONE_CONTRACTIONS R"re(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})re" HALFTONE_TAIL;
constexpr const char* kQwen2 = HALFTONE_CONTRACTIONS R"re(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})re" HALFTONE_TAIL;
constexpr const char* kMiniCpm5 = HALFTONE_CONTRACTIONS R"re(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+)re" HALFTONE_TAIL;
constexpr const char* kQwen35 = HALFTONE_CONTRACTIONS
    R"re(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* kSeedCoder = HALFTONE_CONTRACTIONS
    R"re(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr const char* kBailing = R"re('(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})re"
                                 R"re(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)re";

#define HALFTONE_UPPER R"re([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])re"
#define HALFTONE_LOWER R"re([\p{Ll}\p{Lm}\p{Lo}\p{M}])re"
#define HALFTONE_OPENING R"re([^\r\n\p{L}\p{N}]?)re"
#define HALFTONE_TEKKEN_TAIL R"re(| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)re"

constexpr const char* kTekken = HALFTONE_OPENING HALFTONE_UPPER "*" HALFTONE_LOWER "+|" HALFTONE_OPENING HALFTONE_UPPER "+" HALFTONE_LOWER
                                "*|\\p{N}" HALFTONE_TEKKEN_TAIL;
constexpr const char* kGpt4o = HALFTONE_OPENING HALFTONE_UPPER "*" HALFTONE_LOWER "+" HALFTONE_CONTRACTIONS "?|" HALFTONE_OPENING
                               HALFTONE_UPPER "+" HALFTONE_LOWER "*" HALFTONE_CONTRACTIONS "?|\\p{N}{1,3}" HALFTONE_TEKKEN_TAIL;

#undef HALFTONE_CONTRACTIONS
#undef HALFTONE_TAIL
#undef HALFTONE_UPPER
#undef HALFTONE_LOWER
#undef HALFTONE_OPENING
#undef HALFTONE_TEKKEN_TAIL

constexpr const char* kBloom = R"re( ?[^(\s|.,!?…。，、।۔،)]+)re";
constexpr const char* kCjk = R"re([一-龥ࠀ-一가-퟿]+)re";
constexpr const char* kDeepSeekLetters =
    R"re(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ)re"
    R"re(Ὗ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ)re"
    R"re(𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)re";
constexpr const char* kDeepSeekPunctuation = R"re(\s?[!-/:-~！-／：-～‘-‟　-。]+)re";
constexpr const char* kDeepSeek3Cjk = R"re([一-龥぀-ゟ゠-ヿ]+)re";
constexpr const char* kDeepSeek3 =
    R"re([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+)re"
    R"re([\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

struct Known {
    std::vector<const char*> names;
    std::vector<const char*> expressions;  ///< each isolates its matches in what the ones before left
    bool ignoreMerges = false, addBos = false, noBos = false, marks = false;
};

const std::vector<Known>& known()
{
    static const std::vector<Known> all = {
        {{"gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4"}, {kGpt2}},
        {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"}, {"\\p{N}", kGpt2}},
        {{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"}, {kLlama3}, true, true},
        {{"dbrx", "smaug-bpe"}, {kLlama3}},
        {{"chatglm-bpe"}, {kLlama3}, false, false, true},
        {{"glm4", "glm5"}, {kLlama3}, true, false, true},
        {{"qwen2", "deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"}, {kQwen2}},
        {{"qwen35"}, {kQwen35}},
        {{"minicpm5"}, {"\\p{N}{1,3}", kMiniCpm5}, true},
        {{"seed-coder"}, {kSeedCoder}},
        {{"bailingmoe", "bailingmoe2", "llada-moe"}, {kBailing}},
        {{"bloom", "poro-chat", "gpt3-finnish"}, {kBloom}},
        {{"viking"}, {kBloom, "\\p{N}"}},
        {{"tekken"}, {kTekken}, true, true},
        {{"gpt-4o", "llama4", "kanana2", "minimax-m2"}, {kGpt4o}},
        {{"falcon"}, {"[\\p{P}\\$\\+<=>\\^~\\|`]+", kGpt2, "[0-9][0-9][0-9]"}},
        {{"deepseek-llm"}, {"[\\r\\n]", kDeepSeekLetters, kDeepSeekPunctuation, "\\s+$", kCjk, "\\p{N}+"}},
        {{"deepseek-coder"}, {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", kCjk, "\\p{N}"}},
        {{"deepseek-v3", "hunyuan-dense", "joyai-llm"}, {"\\p{N}{1,3}", kDeepSeek3Cjk, kDeepSeek3}},
        {{"gemma4"}, {"[^\\n]+|[\\n]+"}, false, true, false, true},
        {{"default"}, {"[\\p{P}\\$\\+<=>\\^~\\|]+", kGpt2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    };
    return all;
}

Json replaceJson(const char* what, const char* by)
{
    return {{"type", "Replace"}, {"pattern", {{"String", what}}}, {"content", by}};
}

} // namespace

GgufPreTokenizer ggufPreTokenizer(std::string_view name, std::string_view subject)
{
    for (const Known& entry : known())
        for (const std::string_view candidate : entry.names) {
            if (candidate != name)
                continue;
            Json steps = Json::array();
            for (const char* expression : entry.expressions)
                steps.push_back({{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}});
            if (entry.marks)
                return {replaceJson(" ", "▁"), Json{{"type", "Sequence"}, {"pretokenizers", std::move(steps)}},
                        Json{{"type", "Sequence"}, {"decoders", {replaceJson("▁", " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}, true, entry.ignoreMerges, entry.addBos,
                        entry.noBos};
            steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
            return {nullptr, Json{{"type", "Sequence"}, {"pretokenizers", std::move(steps)}},
                    Json{{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}, false, entry.ignoreMerges, entry.addBos, entry.noBos};
        }
    if (name.empty())
        throw Error(ErrorKind::Unsupported,
                    std::string(subject) + ": the file does not say which pre-tokenizer its vocabulary needs (tokenizer.ggml.pre); "
                                           "convert the model again with a current converter.",
                    std::string(subject));
    throw Error(ErrorKind::Unsupported, std::string(subject) + ": the pre-tokenizer \"" + printable(name) + "\" is not known.",
                std::string(subject));
}

} // namespace halftone
