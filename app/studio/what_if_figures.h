#pragma once

#include "app/studio/what_if.h"

#include <QString>
#include <QWidget>

#include <cstdint>
#include <vector>

class QGridLayout;
class QLabel;

namespace halftone {

/// One line of a what-if: before, after, and the change with its sign and arrow.
struct WhatIfFigure {
    QString id, name, tip;
    QString now, then, change;   ///< "–": not known; `change` is empty where nothing changes
    int better = 0;              ///< 1 better, −1 worse, 0 neither
};
/// What the linears that are asked about take together, as they stand and as it is tried.
struct WhatIfSizes {
    int linears = 1;
    std::uint64_t now = 0, then = 0;
    bool dense = false;   ///< what is tried leaves no packed format that holds the recipe
};
/// The lines of an answer. With the same plan twice there is no "after".
std::vector<WhatIfFigure> whatIfFigures(const WhatIfAnswer& answer, const WhatIfSizes& sizes);

/// Shows them as a small table; figures from a part of the rows carry a "≈".
class WhatIfFigures : public QWidget {
    Q_OBJECT
public:
    explicit WhatIfFigures(QWidget* parent = nullptr);
    void setAnswer(const WhatIfAnswer& answer, const WhatIfSizes& sizes);
    /// Of several linears together; says of how many.
    void setMedian(const WhatIfMedian& median, const WhatIfSizes& sizes);
    /// A sentence instead of figures.
    void setMessage(const QString& sentence);

protected:
    void changeEvent(QEvent* event) override;

private:
    void refresh();
    QLabel* cell(int row, int column);

    QGridLayout* m_grid = nullptr;
    QLabel* m_note = nullptr;
    std::vector<WhatIfFigure> m_figures;
    QString m_text;
};

} // namespace halftone
