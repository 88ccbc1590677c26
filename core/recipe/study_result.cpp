#include "core/recipe/study_result.h"

#include "core/base/number_text.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace halftone {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double meanPerplexity(const std::vector<Evaluation>& texts)
{
    double sum = 0;
    for (const Evaluation& text : texts)   // what is left out of a mean must not make it look good
        sum += text.notFinite > 0 ? std::numeric_limits<double>::infinity() : text.perplexity.perplexity;
    return texts.empty() ? kNaN : sum / static_cast<double>(texts.size());
}

std::string quoted(const std::string& text)
{
    std::string out = "\"";
    for (const char c : text)
        out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
}

std::string number(double value)
{
    return std::isnan(value) ? std::string() : numberText(value, 9);
}

} // namespace

double floatPerplexity(const StudyResult& result) { return meanPerplexity(result.floatTexts); }

StudyFigures figuresOf(const StudyResult& result, const StudyMemberResult& member, const ClassLimits& limits)
{
    StudyFigures f{kNaN, kNaN, kNaN, 0, kNaN, kNaN, kNaN, kNaN, kNaN};
    if (member.state != StudyMemberResult::State::Done || member.texts.size() != result.floatTexts.size() || member.texts.empty())
        return f;
    const double reference = floatPerplexity(result);
    f.perplexity = meanPerplexity(member.texts);
    f.degradation = f.perplexity - reference;
    f.ratio = f.perplexity / reference;
    f.sensitivity = sensitivityClass(f.degradation, limits);
    double kl = 0, variance = 0;
    bool measured = true;
    for (const Evaluation& text : member.texts) {
        measured = measured && text.hasDivergence;
        kl += text.divergence.klMean;
        variance += text.divergence.klMeanError * text.divergence.klMeanError;
    }
    const auto count = static_cast<double>(member.texts.size());
    if (measured) {
        f.klMean = kl / count;
        f.klError = std::sqrt(variance) / count;
    }
    if (member.grids.elements > 0) {
        const auto share = [&](std::int64_t n) { return static_cast<double>(n) / static_cast<double>(member.grids.elements); };
        f.kernel = share(member.grids.zero);
        f.lost = share(member.grids.lost);
        f.clipped = share(member.grids.clipped);
    }
    return f;
}

std::string name(StudyMemberResult::State state)
{
    switch (state) {
    case StudyMemberResult::State::Waiting: return "waiting";
    case StudyMemberResult::State::Done: return "done";
    case StudyMemberResult::State::Impossible: return "impossible";
    }
    return {};
}

std::string studyCsv(const StudyResult& result, const ClassLimits& limits)
{
    std::string out = "setting,method,weights,activations,state,perplexity,degradation,ratio,class,kl_mean,kl_mean_stderr,kernel,lost,clipped,bits_per_weight,bytes,seconds,run";
    for (const StudyText& text : result.study.texts)
        out += "," + quoted("perplexity " + text.name) + "," + quoted("degradation " + text.name);
    out += "\r\n";
    for (const StudyMemberResult& m : result.members) {
        const StudyFigures f = figuresOf(result, m, limits);
        out += quoted(m.name) + "," + quoted(m.method) + "," + quoted(m.weights) + "," + quoted(m.activations) + "," + name(m.state);
        for (const double value : {f.perplexity, f.degradation, f.ratio})
            out += "," + number(value);
        out += "," + (f.sensitivity > 0 ? std::to_string(f.sensitivity) : std::string());
        for (const double value : {f.klMean, f.klError, f.kernel, f.lost, f.clipped})
            out += "," + number(value);
        out += "," + number(m.bitsPerWeight) + "," + std::to_string(m.bytes) + "," + number(m.seconds) + "," + m.run;
        for (std::size_t i = 0; i < result.study.texts.size(); ++i) {
            const bool known = i < m.texts.size() && i < result.floatTexts.size();
            const double own = known ? m.texts[i].perplexity.perplexity : kNaN;
            out += "," + number(own) + "," + number(known ? own - result.floatTexts[i].perplexity.perplexity : kNaN);
        }
        out += "\r\n";
    }
    return out;
}

} // namespace halftone
