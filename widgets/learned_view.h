#pragma once

#include "core/methods/linear_result.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QString>

#include <memory>
#include <vector>

class QComboBox;
class QLabel;
class QSlider;
class QSpinBox;

namespace halftone {

class HeatmapView;

/// What a run learned of the selected linear and its site, and no longer shows in the codes: log-divisors of LRQ and FlexRound, clipped shares,
/// scales and shifts of a transform, AffineQuant's matrices with the mask as it grew.
class LearnedView : public ViewFrame {
    Q_OBJECT

public:
    explicit LearnedView(QWidget* parent = nullptr);
    ~LearnedView() override;

    /// Nothing to draw.
    void clear(const QString& sentence, const QString& button = {});
    /// What a block of a run keeps. A selection in another block shows nothing until that block's is set.
    void setEvidence(const QString& run, int block, std::vector<WeightEvidence> weights, std::vector<TransformEvidence> transforms);
    int block() const { return m_block; }
    void setSelection(const Selection& selection);

    /// Things there are to see of the selection; `current` chooses one of them.
    QStringList items() const;
    int current() const;
    void setCurrent(int item);
    /// The epoch whose mask is shown; −1 where nothing has epochs.
    int epoch() const;
    void setEpoch(int epoch);
    /// Diagonals that the mask of the epoch shown lets through on either side, the main one counted; 0: no mask.
    int bands() const;
    void setHead(int head);
    HeatmapView* map() const { return m_map; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);

private:
    struct Item {
        const WeightEvidence* weight = nullptr;
        const TransformEvidence* transform = nullptr;
        QString name;
    };
    void findItems();
    void showItem();
    void showWeight(const WeightEvidence& evidence);
    void showTransform(const TransformEvidence& evidence);
    void showEpoch();
    const Item* item() const;
    QString where() const;

    QString m_run;
    int m_block = -1;
    std::vector<WeightEvidence> m_weights;
    std::vector<TransformEvidence> m_transforms;
    Selection m_selection;
    std::vector<Item> m_items;
    QComboBox* m_what = nullptr;
    QLabel* m_headLabel = nullptr;
    QSpinBox* m_head = nullptr;
    QLabel* m_epochLabel = nullptr;
    QSlider* m_epoch = nullptr;
    HeatmapView* m_map = nullptr;
};

} // namespace halftone
