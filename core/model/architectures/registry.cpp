#include "core/model/architectures/architecture.h"

#include "core/base/error.h"

/// The one list that names every family.
#define HALFTONE_ARCHITECTURES(FAMILY) \
    FAMILY(llamaArchitecture)          \
    FAMILY(mistralArchitecture)        \
    FAMILY(qwen2Architecture)          \
    FAMILY(qwen3Architecture)          \
    FAMILY(optArchitecture)            \
    FAMILY(bloomArchitecture)

namespace halftone {

#define HALFTONE_DECLARE(name) Architecture name();
HALFTONE_ARCHITECTURES(HALFTONE_DECLARE)
#undef HALFTONE_DECLARE

const std::vector<Architecture>& architectureList()
{
#define HALFTONE_LIST(name) name(),
    static const std::vector<Architecture> families{HALFTONE_ARCHITECTURES(HALFTONE_LIST)};
#undef HALFTONE_LIST
    return families;
}

namespace {

[[noreturn]] void unknown(const std::string& subject, const std::string& key, const std::string& value, bool gguf)
{
    std::string known;
    for (const Architecture& family : architectureList()) {
        const std::string& word = gguf ? family.ggufArchitecture : family.modelType;
        if (!word.empty())
            known += (known.empty() ? "" : ", ") + word;
    }
    throw Error(ErrorKind::Unsupported, subject + ": " + key + " is \"" + value + "\", an architecture that is not known; known are " + known, subject);
}

} // namespace

const Architecture& architectureOfHuggingFace(const Json& config, const std::string& subject)
{
    const ConfigReader reader(config, subject);
    const std::string type = reader.text("model_type", "");
    std::string first;
    if (const Json* names = reader.find("architectures"); names && names->is_array() && !names->empty() && names->front().is_string())
        first = names->front().get<std::string>();
    for (const Architecture& family : architectureList())
        if (type.empty() ? family.huggingFaceClass == first : family.modelType == type)
            return family;
    unknown(subject, type.empty() ? "architectures" : "model_type", type.empty() ? first : type, false);
}

const Architecture& architectureOfGguf(const Json& keyValues, const std::string& subject)
{
    const std::string name = ConfigReader(keyValues, subject).text("general.architecture", "");
    for (const Architecture& family : architectureList())
        if (!name.empty() && family.ggufArchitecture == name)
            return family;
    unknown(subject, "general.architecture", name, true);
}

const Architecture& architectureById(std::string_view id)
{
    for (const Architecture& family : architectureList())
        if (family.info.id == id)
            return family;
    throw Error(ErrorKind::Internal, "architecture \"" + std::string(id) + "\" is not in the registry");
}

const FamilyTraits& familyTraits(std::string_view architecture)
{
    static const FamilyTraits usual;
    for (const Architecture& family : architectureList())
        if (family.info.id == architecture)
            return family.traits;
    return usual;
}

std::vector<FamilyTraits> allFamilyTraits()
{
    std::vector<FamilyTraits> all;
    for (const Architecture& family : architectureList())
        all.push_back(family.traits);
    return all;
}

std::vector<ArchitectureInfo> architectures()
{
    std::vector<ArchitectureInfo> infos;
    for (const Architecture& family : architectureList())
        infos.push_back(family.info);
    return infos;
}

} // namespace halftone
