#pragma once

#include "core/methods/linear_result.h"
#include "widgets/picture.h"
#include "widgets/selection.h"
#include "widgets/view_frame.h"

#include <QString>

#include <memory>
#include <vector>

class QCustomPlot;
class QSplitter;

namespace halftone {

/// What low-rank compensation found: the singular values of the selected linear's rounding error with the rank that was kept, before those of its
/// kind in other blocks; and the share of the error's energy that the factors hold, block by block.
class SpectrumView : public ViewFrame {
    Q_OBJECT

public:
    explicit SpectrumView(QWidget* parent = nullptr);
    ~SpectrumView() override;

    void clear(const QString& sentence, const QString& button = {});
    /// Linears of a run; those without compensation are left out. `name` empty: the run at work.
    void setResults(const QString& name, const std::vector<BlockResult>& results);
    void addBlock(const BlockResult& block);
    void setSelection(const Selection& selection);

    bool isEmpty() const { return m_linears.empty(); }
    /// The linear that is drawn: the one selected, else the first of the selected block, else the first of all; null: none.
    const LinearResult* shown() const;
    QCustomPlot* spectrum() const { return m_spectrum; }
    QCustomPlot* shares() const { return m_shares; }

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);

protected:
    void changeEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    class SpectrumPicture;
    struct Linear {
        int block = 0;
        QString kind;        ///< "down_proj"
        LinearResult result;
    };
    void keep(const BlockResult& block);
    const Linear* chosen() const;
    void refresh();
    void drawSpectrum(const Linear& linear);
    void drawShares(const Linear& linear);
    void select(const Linear& linear);

    QString m_run;
    std::vector<Linear> m_linears;
    Selection m_selection;
    QSplitter* m_parts = nullptr;
    QCustomPlot* m_spectrum = nullptr;
    QCustomPlot* m_shares = nullptr;
    std::unique_ptr<SpectrumPicture> m_picture;
};

} // namespace halftone
