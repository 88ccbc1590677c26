#pragma once

#include "core/recipe/recipe.h"
#include "widgets/selection.h"

#include <QScrollArea>

#include <vector>

class QGridLayout;
class QLabel;
class QVBoxLayout;

namespace halftone {

class Document;
class ElidedLabel;
class JobRunner;
class WhatIfPanel;

/// What is known of the selected linear or site: facts of the file, its weights and plan with what-if, measured statistics, the last run's error.
/// Measured figures only.
class Inspector : public QScrollArea {
    Q_OBJECT
public:
    Inspector(const Document& document, JobRunner& jobs, QWidget* parent = nullptr);
    /// Linears that an edit of the plan goes to (those selected in Layers); empty: the selected one.
    void setTargets(const QStringList& linears);
    /// Linears that the table's filter shows; empty: nothing is filtered.
    void setFiltered(const QStringList& linears);
    void refresh();

Q_SIGNALS:
    void patchRequested(const QStringList& linears, const halftone::PlanPatch& patch);
    void saveFailed(const QString& sentence);

private:
    struct Section {
        QWidget* box = nullptr;
        QLabel* title = nullptr;
        QGridLayout* grid = nullptr;
        int columns = 0;
        std::vector<QList<QLabel*>> lines = {};
    };
    Section addSection(const QString& name, const QString& title, int columns);
    void fill(Section& section, const std::vector<QStringList>& rows);
    void refreshSite();
    void refreshWeights(const LinearInfo* linear);
    void refreshResult(const LinearInfo* linear);

    const Document& m_document;
    QStringList m_targets;
    ElidedLabel* m_name = nullptr;
    QLabel* m_facts = nullptr;
    QLabel* m_coarse = nullptr;
    QLabel* m_hint = nullptr;
    WhatIfPanel* m_whatIf = nullptr;
    QVBoxLayout* m_layout = nullptr;
    Section m_site, m_kernel, m_weights, m_result;
};

/// "These weights already lie on a coarse grid …" for a model; empty when they do not.
QString coarseGridWarning(const ModelDescription& model);

} // namespace halftone
