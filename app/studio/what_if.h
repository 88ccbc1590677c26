#pragma once

#include "app/studio/job_runner.h"
#include "core/analysis/linear_preview.h"
#include "core/analysis/site_statistics.h"
#include "core/recipe/recipe.h"

#include <QObject>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halftone {

class Document;

/// What a grid does to the input of a linear.
struct InputPreview {
    double kernel = 0, clipped = 0;   ///< shares of the input
    bool exact = false;               ///< counted over the whole text, not estimated from a sample
};

/// A plan and what rounding to nearest on its grids costs one linear.
struct PlanPreview {
    Plan plan;
    LinearPreview linear;
    std::optional<InputPreview> input;   ///< absent: left float, or not known
    double decibels() const { return halftone::decibels(linear.weightError); }
};

/// Answer to a what-if: the plan that stands and the one that is tried.
struct WhatIfAnswer {
    std::string linear;
    PlanPreview now, then;
    bool final = false;                  ///< all rows that are kept were looked at; more exact figures do not follow
};

/// One linear of several that are asked about together.
struct WhatIfCase {
    std::string linear;
    Plan now, then;
    friend bool operator==(const WhatIfCase&, const WhatIfCase&) = default;
};

/// Medians over those of several linears that were looked at. The plans are those of one in which something is tried, where there is one.
struct WhatIfMedian {
    PlanPreview now, then;
    int looked = 0;
};

/// Computes what-ifs off the GUI thread, on the files' lane so that a running job never holds them up. The latest request wins. The weights of
/// one linear at a time are kept, at most LinearWeights::kMostWeights of them.
class WhatIf : public QObject {
    Q_OBJECT
public:
    WhatIf(const Document& document, JobRunner& jobs, QObject* parent = nullptr);

    /// Answers with answered(), soon from some rows, then from all; weightsRead() comes first when the linear is another one.
    void ask(const std::string& linear, const Plan& now, const Plan& then);
    /// Several together: answers with answeredMany(), from some rows of kMany of them, spread over all.
    void askMany(const std::vector<WhatIfCase>& cases);
    static constexpr std::size_t kMany = 12;
    /// Nothing is wanted any more; lets go of the weights.
    void clear();
    /// Of the linear asked for last; null until they are read.
    std::shared_ptr<const LinearWeights> weights() const;

Q_SIGNALS:
    void weightsRead();
    void answered(const halftone::WhatIfAnswer& answer);
    void answeredMany(const halftone::WhatIfMedian& median);
    void failed(const QString& sentence);

private:
    /// What a site's analysis knows, held by value: the document may change while a job reads it.
    struct Site {
        std::array<KernelCounts, kKernelSchemes> counts;
        AnalysisSettings settings;
        std::shared_ptr<const SiteSample> sample;
    };
    struct Request {
        std::string linear;
        Plan now, then;
        std::optional<Site> site;
    };
    static std::optional<InputPreview> inputPreview(const std::optional<Site>& site, const ActivationGrid& grid);
    static PlanPreview preview(const LinearWeights& weights, const Plan& plan, const std::optional<Site>& site, std::int64_t most, const std::stop_token& stop);
    std::optional<Site> siteOf(const std::string& linear) const;
    void openModel();
    JobSpec spec(const QString& tag);
    void read();
    void answer(std::int64_t most);

    const Document& m_document;
    JobRunner& m_jobs;
    std::shared_ptr<WeightReader> m_reader;
    std::filesystem::path m_model;               ///< that the reader has open
    std::shared_ptr<const LinearWeights> m_weights;
    /// Small matrices of a question about several, kept for the next one about the same.
    struct Kept;
    std::shared_ptr<Kept> m_kept;
    std::optional<Request> m_request;
    std::string m_reading;                       ///< the linear being read; empty: none
};

} // namespace halftone

Q_DECLARE_METATYPE(halftone::WhatIfAnswer)
