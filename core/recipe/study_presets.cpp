#include "core/base/error.h"
#include "core/recipe/study.h"

#include <utility>

namespace halftone {

std::vector<StudyPreset> studyPresets()
{
    return {
        {"weights", "Weights only", "Rounding to nearest and GPTQ at 4, 3 and 2 bits; activations stay float."},
        {"activations", "Activations only", "Per token and CrossQuant at 8, 6 and 4 bits; weights stay float."},
        {"both", "Both", "Rounding to nearest and GPTQ at 4 and 3 bits, with float activations, 8 bits per token, and 8 bits CrossQuant."},
        {"kernel", "Perplexity against kernel", "Weights stay float; CrossQuant's alpha and the bits are swept, so that the share rounded to zero varies."},
    };
}

Study studyForModel(std::string_view id, const ModelDescription& model)
{
    using enum ActivationScheme;
    Study study;
    study.base = presetForModel("w4a16-rtn-g64", model);
    const int group = study.base.defaults.group.value_or(0);
    const bool oneGroup = study.base.rules.empty();   // else each kind of linear has its own, by a rule
    study.base.defaults.bits.reset();
    study.base.defaults.rounding.reset();
    study.base.defaults.group.reset();
    study.base.calibration.samples = 16;
    study.base.calibration.length = 512;
    const auto rounded = [](const char* name, const char* method) {
        StudyMethod made{name, {}};
        made.patch.rounding = MethodChoice{method, {}};
        return made;
    };
    const auto weights = [&](std::vector<int> bits) {
        study.methods = {rounded("RTN", "rtn"), rounded("GPTQ", "gptq")};
        study.weightBits = std::move(bits);
        if (oneGroup)
            study.groups = {group};
    };
    for (const StudyPreset& preset : studyPresets())
        if (preset.id == id)
            study.name = preset.name;
    if (id == "weights") {
        weights({4, 3, 2});
    } else if (id == "activations") {
        study.base.rules.clear();
        study.weightBits = {16};
        for (const int bits : {8, 6, 4})
            for (const ActivationScheme scheme : {PerToken, Cross})
                study.activations.push_back({scheme, bits, true, ActivationGrid{}.alpha});
    } else if (id == "both") {
        weights({4, 3});
        study.activations = {{}, {PerToken, 8, true, ActivationGrid{}.alpha}, {Cross, 8, true, ActivationGrid{}.alpha}};
    } else if (id == "kernel") {
        study.base.rules.clear();
        study.weightBits = {16};
        for (const int bits : {8, 6, 5, 4}) {
            for (const double alpha : {0.15, 0.35, 0.55, 0.75})
                study.activations.push_back({Cross, bits, true, alpha});
            study.activations.push_back({PerToken, bits, true, ActivationGrid{}.alpha});
        }
    } else {
        std::string known;
        for (const StudyPreset& preset : studyPresets())
            known += (known.empty() ? "" : ", ") + preset.id;
        throw Error(ErrorKind::InvalidArgument, "There is no study \"" + std::string(id) + "\"; there are " + known + ".", std::string(id));
    }
    return study;
}

} // namespace halftone
