#pragma once

#include "app/studio/document.h"
#include "core/pipeline/jobs.h"
#include "core/pipeline/transform_preview.h"
#include "core/project/run_evidence.h"

#include <QHash>
#include <QObject>
#include <QSet>

#include <deque>

namespace halftone {

class ChannelsView;
class LearnedView;
class RunMonitor;
class SpectrumView;
class TrainingView;

/// Shows what the run in the Run view learned: losses as they come and from disk, the selected block's learned weights and transforms, the spectra of
/// the compensated linears, and what a transform did to the selected site. Block files are read one by one on the file thread, the selected block first.
class EvidenceFeed : public QObject {
    Q_OBJECT
public:
    struct Views {
        TrainingView* training;
        LearnedView* learned;
        SpectrumView* spectrum;
        ChannelsView* channels;
    };
    EvidenceFeed(Document& document, JobRunner& jobs, RunMonitor& monitor, const Views& views, QObject* parent = nullptr);

    /// Nothing is being read, or waits to be.
    bool isSettled() const { return m_queue.empty() && m_reading < 0; }

private:
    void follow();
    void followBlock(int block);
    void followTraining(const TrainingProgress& progress);
    void followSelection();
    void readNext();
    void keep(int block, BlockEvidence&& read);
    void showBlock();
    void showNothing();
    void offerTrials();
    void tryTransform(int block, SiteKind site, const QString& transform);

    static constexpr int kKept = 6;   ///< blocks whose pictures stay in memory

    Document& m_document;
    JobRunner& m_jobs;
    RunMonitor& m_monitor;
    Views m_views;
    QString m_run;                         ///< empty: the one at work
    bool m_any = false, m_atWork = false;
    int m_generation = 0;
    std::deque<int> m_queue;
    int m_reading = -1;
    QHash<int, BlockEvidence> m_blocks;    ///< without curves, which the Training view holds
    std::deque<int> m_order;               ///< of m_blocks, oldest first
    std::shared_ptr<TransformPreview> m_preview;
    QSet<int> m_read;                      ///< blocks whose curves were read
};

} // namespace halftone
