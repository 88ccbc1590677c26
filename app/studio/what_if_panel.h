#pragma once

#include "app/studio/what_if.h"
#include "app/studio/what_if_figures.h"
#include "core/recipe/recipe.h"

#include <QStringList>
#include <QWidget>

#include <optional>

class QLabel;
class QPushButton;

namespace halftone {

class LevelHistogram;
class PlanEditor;
class WhatIfFigures;

/// The selected linear's weights with the grid's levels, its plan with what is tried beside it, what that would cost, and the ways to apply it.
class WhatIfPanel : public QWidget {
    Q_OBJECT
public:
    WhatIfPanel(const Document& document, JobRunner& jobs, QWidget* parent = nullptr);

    /// `linear` is looked at, an edit goes to `targets`. Another set of targets drops what is tried.
    void setTargets(const std::string& linear, const QStringList& targets);
    /// Linears that the table's filter shows; empty: nothing is filtered.
    void setFiltered(const QStringList& linears);
    void refresh();
    /// The last answer; empty until there is one for what is shown.
    const std::optional<WhatIfAnswer>& answer() const { return m_answer; }

Q_SIGNALS:
    void patchRequested(const QStringList& linears, const halftone::PlanPatch& patch);
    void saveFailed(const QString& sentence);

protected:
    void showEvent(QShowEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void ask();
    void askMany();
    WhatIfSizes sizesOf(const std::vector<WhatIfCase>& cases) const;
    void showAnswer(const WhatIfAnswer& answer);
    void showWeights();
    void updateButtons();
    void apply(const QStringList& linears, bool whole);

    const Document& m_document;
    WhatIf* m_whatIf = nullptr;
    std::string m_linear;
    QStringList m_targets, m_filtered;
    std::optional<WhatIfAnswer> m_answer;
    /// What was asked last: the same again is not asked twice.
    struct Asked {
        std::string linear;
        Plan now, then;
        const SiteSample* sample = nullptr;
        AnalysisSettings settings;
        friend bool operator==(const Asked&, const Asked&) = default;
    };
    std::optional<Asked> m_asked;
    std::vector<WhatIfCase> m_cases;   ///< of several linears: what was asked about them
    WhatIfSizes m_sizes;
    std::size_t m_askedSites = 0;
    AnalysisSettings m_askedSettings;

    QLabel* m_histogramTitle = nullptr;
    LevelHistogram* m_histogram = nullptr;
    QLabel* m_title = nullptr;
    PlanEditor* m_plan = nullptr;
    WhatIfFigures* m_figures = nullptr;
    QPushButton* m_apply = nullptr;
    QPushButton* m_kind = nullptr;
    QPushButton* m_filter = nullptr;
    QPushButton* m_drop = nullptr;
};

} // namespace halftone
