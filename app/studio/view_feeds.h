#pragma once

#include "app/studio/document.h"
#include "app/studio/job_runner.h"

#include <QObject>

#include <memory>
#include <optional>
#include <vector>

namespace halftone {

class ChannelsView;
class DifferencesView;
class KernelView;
class TokensView;
class WeightMaps;
class WeightsView;
struct DifferencesRequest;
struct WeightsRequest;

/// Answers what the views of activations and weights ask for: kernels, rounded samples and channel summaries under a live grid, and the matrix of
/// the selected linear. Each is a short job off the GUI thread of which the newest wins; nothing is computed for a view that is not on screen.
/// The live grid is one for all views.
class ViewFeeds : public QObject {
    Q_OBJECT
public:
    struct Views {
        KernelView* kernel;
        TokensView* tokens;
        ChannelsView* channels;
        WeightsView* weights;
        DifferencesView* differences;
    };
    /// Follows the document from now on; make it after who fills the views from it, so that it comes second.
    ViewFeeds(Document& document, JobRunner& jobs, const Views& views, QObject* parent = nullptr);
    ~ViewFeeds() override;

    /// Every view on screen shows the grid chosen, and the linear selected.
    bool isSettled() const;

private:
    struct Sampled {
        SiteKind kind;
        int block;
        std::shared_ptr<const SiteSample> sample;
    };
    /// Asks for what a view missed while it was hidden.
    void catchUp(const QWidget* view);
    void showModel();
    void forget();
    void showAnalysis();
    void showSelection();
    void showRecipe();
    void followGrid(const ActivationGrid& grid);
    void answerKernel(const ActivationGrid& grid, const ActivationGrid& other);
    void answerTokens(const std::shared_ptr<const SiteSample>& sample, const ActivationGrid& grid);
    void answerChannels(const std::shared_ptr<const SiteSample>& sample, const ActivationGrid& grid);
    void answerWeights(const WeightsRequest& request);
    void answerDifferences(const DifferencesRequest& request);
    void showRuns();

    Document& m_document;
    JobRunner& m_jobs;
    Views m_views;
    std::vector<Sampled> m_samples;
    std::shared_ptr<WeightMaps> m_weightMaps;
    std::optional<WeightGrid> m_weightGrid;   ///< what the weights shown were asked for with
    std::optional<WeightGrid> m_differencesGrid;
};

} // namespace halftone
