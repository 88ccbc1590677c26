#include "app/studio/what_if.h"

#include "app/studio/document.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

// What is looked at first, so that an answer is there within the 100 ms in which a hand waits for it; the clip search tries 80 scales a group.
constexpr std::int64_t kSoon = 1 << 20, kSoonClipped = 1 << 17;

bool usesAlpha(ActivationScheme scheme)
{
    return scheme == ActivationScheme::Cross || scheme == ActivationScheme::CrossStatic;
}

} // namespace

struct WhatIf::Kept {
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<const LinearWeights>> weights;
};

namespace {

constexpr std::int64_t kSmall = 1 << 20;   ///< weights of a matrix that is kept for the next question

template <typename Get> double medianOf(const std::vector<PlanPreview>& previews, Get get)
{
    std::vector<double> values;
    for (const PlanPreview& preview : previews)
        if (const std::optional<double> value = get(preview))
            values.push_back(*value);
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return values.empty() ? 0 : *middle;
}

/// Field by field; what is not known of every one is not known of them together.
PlanPreview medianOf(const std::vector<PlanPreview>& previews, const Plan& plan)
{
    PlanPreview median;
    median.plan = plan;
    median.linear.weightError = medianOf(previews, [](const PlanPreview& one) { return std::optional(one.linear.weightError); });
    median.linear.clipped = medianOf(previews, [](const PlanPreview& one) { return std::optional(one.linear.clipped); });
    if (std::all_of(previews.begin(), previews.end(), [](const PlanPreview& one) { return one.linear.outputError.has_value(); }))
        median.linear.outputError = medianOf(previews, [](const PlanPreview& one) { return one.linear.outputError; });
    const auto known = [](const PlanPreview& one) { return one.input || !one.plan.activations.quantized(); };
    if (std::all_of(previews.begin(), previews.end(), known)) {
        median.input = InputPreview{medianOf(previews, [](const PlanPreview& one) { return std::optional(one.input ? one.input->kernel : 0); }),
                                    medianOf(previews, [](const PlanPreview& one) { return std::optional(one.input ? one.input->clipped : 0); }),
                                    std::all_of(previews.begin(), previews.end(), [](const PlanPreview& one) { return !one.input || one.input->exact; })};
    }
    return median;
}

} // namespace

WhatIf::WhatIf(const Document& document, JobRunner& jobs, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_jobs(jobs)
{
}

void WhatIf::clear()
{
    m_request.reset();
    m_weights.reset();
    m_reading.clear();
    m_reader.reset();
    m_model.clear();
    m_kept.reset();
    m_jobs.cancelTag(u"what-if"_s);
    m_jobs.cancelTag(u"what-if-many"_s);
    m_jobs.cancelTag(u"what-if-weights"_s);
}

std::shared_ptr<const LinearWeights> WhatIf::weights() const
{
    return m_request && m_weights && m_weights->linear() == m_request->linear ? m_weights : nullptr;
}

JobSpec WhatIf::spec(const QString& tag)
{
    JobSpec spec{tag, tr("What if"), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) {
        m_reading.clear();
        Q_EMIT failed(error.sentence);
    };
    return spec;
}

void WhatIf::ask(const std::string& linear, const Plan& now, const Plan& then)
{
    if (!m_document.isOpen())
        return clear();
    openModel();
    m_request = Request{linear, now, then, siteOf(linear)};
    if (weights())
        answer(then.weights.clip == WeightGrid::Clip::Mse || now.weights.clip == WeightGrid::Clip::Mse ? kSoonClipped : kSoon);
    else
        read();
}

void WhatIf::openModel()
{
    if (m_model == m_document.model().path)
        return;
    clear();
    m_model = m_document.model().path;
    m_reader = std::make_shared<WeightReader>(m_model);
}

std::optional<WhatIf::Site> WhatIf::siteOf(const std::string& linear) const
{
    if (const LinearInfo* info = m_document.linear(linear))
        if (const SiteStatistics* site = m_document.statistics(info->block, info->site))
            return Site{site->kernel, m_document.analysis().settings, site->sample};
    return std::nullopt;
}

void WhatIf::askMany(const std::vector<WhatIfCase>& cases)
{
    if (!m_document.isOpen() || cases.empty())
        return;
    openModel();
    std::vector<Request> asked;
    const std::size_t looked = std::min(kMany, cases.size());
    for (std::size_t i = 0; i < looked; ++i) {
        const WhatIfCase& one = cases[i * cases.size() / looked];
        asked.push_back({one.linear, one.now, one.then, siteOf(one.linear)});
    }
    if (!m_kept)
        m_kept = std::make_shared<Kept>();
    m_jobs.submit(
        spec(u"what-if-many"_s),
        [reader = m_reader, kept = m_kept, asked = std::move(asked)](Progress&, const std::stop_token& stop) {
            std::map<std::string, std::shared_ptr<const LinearWeights>> next;
            std::vector<PlanPreview> now, then;
            const Request* tried = &asked.front();
            for (const Request& one : asked) {
                std::shared_ptr<const LinearWeights> weights;
                {
                    const std::lock_guard lock(kept->mutex);
                    if (const auto found = kept->weights.find(one.linear); found != kept->weights.end())
                        weights = found->second;
                }
                if (!weights)
                    weights = reader->read(one.linear, stop);
                if (weights->rows() * weights->in() <= kSmall)
                    next.emplace(one.linear, weights);
                now.push_back(preview(*weights, one.now, one.site, kSoonClipped, stop));
                then.push_back(one.then == one.now ? now.back() : preview(*weights, one.then, one.site, kSoonClipped, stop));
                if (one.then != one.now && tried->then == tried->now)
                    tried = &one;
            }
            const std::lock_guard lock(kept->mutex);
            kept->weights = std::move(next);
            return WhatIfMedian{medianOf(now, tried->now), medianOf(then, tried->then), static_cast<int>(asked.size())};
        },
        [this](const WhatIfMedian& median) { Q_EMIT answeredMany(median); });
}

void WhatIf::read()
{
    if (m_reading == m_request->linear)
        return;
    m_reading = m_request->linear;
    m_weights.reset();
    m_jobs.submit(
        spec(u"what-if-weights"_s), [reader = m_reader, linear = m_reading](Progress&, const std::stop_token& stop) { return reader->read(linear, stop); },
        [this](std::shared_ptr<const LinearWeights>&& weights) {
            m_reading.clear();
            if (!m_request || weights->linear() != m_request->linear)
                return;
            m_weights = std::move(weights);
            Q_EMIT weightsRead();
            answer(kSoonClipped);
        });
}

std::optional<InputPreview> WhatIf::inputPreview(const std::optional<Site>& site, const ActivationGrid& grid)
{
    if (!site || !grid.quantized() || !grid.symmetric)
        return std::nullopt;
    // Counts over the whole text, where the analysis made them under this very grid.
    if (grid.bits == site->settings.bits && (!usesAlpha(grid.scheme) || grid.alpha == site->settings.alpha))
        for (int scheme = 0; scheme < kKernelSchemes; ++scheme)
            if (const KernelCounts& counts = site->counts[static_cast<std::size_t>(scheme)]; kernelScheme(scheme) == grid.scheme && counts.elements > 0) {
                const auto all = static_cast<double>(counts.elements);
                return InputPreview{static_cast<double>(counts.zero) / all, static_cast<double>(counts.clipped) / all, true};
            }
    if (!site->sample)
        return std::nullopt;
    const KernelEstimate estimate = estimateKernel(*site->sample, grid);
    return InputPreview{estimate.share, estimate.clipped, site->sample->tokens->whole()};
}

PlanPreview WhatIf::preview(const LinearWeights& weights, const Plan& plan, const std::optional<Site>& site, std::int64_t most, const std::stop_token& stop)
{
    return {plan, weights.preview(plan.weights, plan.activations, site ? site->sample.get() : nullptr, most, stop), inputPreview(site, plan.activations)};
}

void WhatIf::answer(std::int64_t most)
{
    m_jobs.submit(
        spec(u"what-if"_s),
        [weights = m_weights, request = *m_request, most](Progress&, const std::stop_token& stop) {
            WhatIfAnswer answer;
            answer.linear = request.linear;
            answer.now = preview(*weights, request.now, request.site, most, stop);
            answer.then = request.then == request.now ? answer.now : preview(*weights, request.then, request.site, most, stop);
            answer.final = answer.now.linear.rows == weights->rows();
            return answer;
        },
        [this](const WhatIfAnswer& answered) {
            if (!m_request || !m_weights || answered.linear != m_request->linear)
                return;
            Q_EMIT this->answered(answered);
            if (!answered.final)
                answer(0);
        });
}

} // namespace halftone
