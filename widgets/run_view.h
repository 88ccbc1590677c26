#pragma once

#include "core/methods/linear_result.h"
#include "widgets/memory_sample.h"
#include "widgets/picture.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QString>

#include <memory>
#include <vector>

class QListView;
class QSortFilterProxyModel;
class QStringListModel;
class QTableView;

namespace halftone {

class BlockStrip;
class MemoryPlot;
class RunModel;

/// The run that is shown, at work or of old.
struct RunHead {
    QString id;                   ///< "run-003"; empty: the one that starts
    int blocks = 0;
    bool atWork = false;
    std::uint64_t plan = 0;       ///< planned peak memory; 0: not known
    QString summary;              ///< for the subtitle: "4.25 bits a weight · 2:10"
};

/// The Run view: a strip of blocks filling up, what was done to each linear, flags, and memory against the plan.
class RunView : public ViewFrame {
    Q_OBJECT

public:
    explicit RunView(QWidget* parent = nullptr);
    ~RunView() override;

    /// Nothing to show; `open`: a model is open.
    void clear(bool open);
    /// While there is nothing to show: a run waits for `ahead` jobs before it; −1: none waits.
    void setWaiting(int ahead);
    /// Another run, or the same with other figures; its results follow.
    void setHead(const RunHead& head);
    const RunHead& head() const { return m_head; }
    void setResults(std::vector<BlockResult> results);
    void addBlock(const BlockResult& block);
    /// The block at work and how much of it is done; −1: none. Blocks before it are taken as done.
    void setWorking(int block, double share);
    /// The run ended at a block, and why.
    void setStopped(int block, const QString& sentence);
    /// While it runs; without samples the peaks of the blocks are drawn.
    void setMemory(const std::vector<MemorySample>& samples);
    void setSelection(const Selection& selection);

    BlockStrip* strip() const { return m_strip; }
    RunModel* model() const { return m_model; }
    QTableView* table() const { return m_table; }
    MemoryPlot* memory() const { return m_memory; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);

private:
    class RunPicture;
    void refreshStrip();
    void refreshFlags();
    void refreshMemory();
    void refreshSubtitle();
    void selectRow(const Selection& selection);

    RunHead m_head;
    std::vector<BlockResult> m_results;
    std::vector<MemorySample> m_samples;
    int m_working = -1, m_stopped = -1, m_ahead = -1;
    double m_share = 0;
    QString m_stopSentence;
    bool m_following = true;      ///< the table keeps showing what was done last
    BlockStrip* m_strip = nullptr;
    RunModel* m_model = nullptr;
    QSortFilterProxyModel* m_sorted = nullptr;
    QTableView* m_table = nullptr;
    MemoryPlot* m_memory = nullptr;
    QListView* m_flags = nullptr;
    QStringListModel* m_flagTexts = nullptr;
    std::vector<BlockFlag> m_shownFlags;
    std::unique_ptr<RunPicture> m_picture;
};

} // namespace halftone
