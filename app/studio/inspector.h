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
class PlanEditor;

/// What is known of the selected linear or site: facts of the file, its plan, measured statistics, the last run's error. Measured figures only.
class Inspector : public QScrollArea {
    Q_OBJECT
public:
    explicit Inspector(const Document& document, QWidget* parent = nullptr);
    /// Linears that an edit of the plan goes to (those selected in Layers); empty: the selected one.
    void setTargets(const QStringList& linears);
    void refresh();

Q_SIGNALS:
    void patchRequested(const QStringList& linears, const halftone::PlanPatch& patch);

private:
    struct Section { QWidget* box = nullptr; QLabel* title = nullptr; QGridLayout* grid = nullptr; };
    Section addSection(const QString& name, const QString& title, int columns);
    void fill(Section& section, const std::vector<QStringList>& rows);
    void refreshPlan(const LinearInfo* linear);
    void refreshSite();
    void refreshWeights(const LinearInfo* linear);
    void refreshResult(const LinearInfo* linear);

    const Document& m_document;
    QStringList m_targets;
    ElidedLabel* m_name = nullptr;
    QLabel* m_facts = nullptr;
    QLabel* m_coarse = nullptr;
    QLabel* m_hint = nullptr;
    QLabel* m_planTitle = nullptr;
    PlanEditor* m_plan = nullptr;
    QVBoxLayout* m_layout = nullptr;
    Section m_site, m_kernel, m_weights, m_result;
};

/// "These weights already lie on a coarse grid …" for a model; empty when they do not.
QString coarseGridWarning(const ModelDescription& model);

} // namespace halftone
