#pragma once

#include "core/recipe/recipe.h"

#include <QHash>
#include <QStringList>
#include <QWidget>

#include <functional>
#include <string>
#include <vector>

class QComboBox;
class QDoubleSpinBox;
class QGridLayout;
class QLabel;
class QToolButton;

namespace halftone {

/// The plan of one linear, or of several at once ("mixed" where they differ), field by field: what stands, and beside it what is tried. Changes
/// nothing: a field that is set becomes part of the candidate until it is applied or dropped.
class PlanEditor : public QWidget {
    Q_OBJECT
public:
    explicit PlanEditor(QWidget* parent = nullptr);
    /// What stands; the candidate keeps what still differs from it.
    /// @param width input width of the linears (offers groups that divide it); 0: they differ
    void setPlans(const std::vector<Plan>& plans, std::int64_t width);
    /// Choices that the contract refuses for this linear are off, with the reason.
    void setContract(const std::string& contract, const LinearInfo& linear);
    /// Short names of the other linears that read the same activation (a transform is theirs too), and why a transform cannot be used on it; empty where it can.
    void setSite(const QStringList& others, std::function<std::string(const MethodChoice& transform)> whyNot);
    void setReadOnly(bool readOnly);

    /// What is tried; empty: nothing.
    const PlanPatch& candidate() const { return m_candidate; }
    void dropCandidate();

Q_SIGNALS:
    void candidateChanged();

private:
    struct Field {
        QLabel* label = nullptr;
        QLabel* now = nullptr;
        QWidget* editor = nullptr;
        QString tip = {};
        std::function<QString(const Plan&)> text;                   ///< of a plan, short
        std::function<bool(const PlanPatch&)> isTried;
        int row = 0;
    };
    QComboBox* addChoice(const QString& name, const QString& label, const QString& tip, std::function<QString(const Plan&)> text,
                         std::function<bool(const PlanPatch&)> isTried);
    void addField(QGridLayout* grid, Field field, const QString& label, const QString& tip);
    void stage(const PlanPatch& patch);
    /// What an item of the list of activation grids stands for.
    PlanPatch schemePatch(int item) const;
    void refresh();
    void refreshParameters();
    void refreshTransforms();
    void addParameter(const MethodInfo& method, const ParameterInfo& info, const MethodChoice& choice);
    void offerGroups();
    void refuse(QComboBox* box, const std::function<PlanPatch(const QVariant&)>& patch);
    /// What would stand after Apply.
    std::vector<Plan> tried() const;

    std::vector<Plan> m_plans;
    std::int64_t m_width = 0;
    PlanPatch m_candidate;
    std::string m_contract;
    LinearInfo m_linear;
    std::vector<Field> m_fields;
    QGridLayout* m_grid = nullptr;
    QComboBox* m_transform = nullptr;
    QWidget* m_sharedRow = nullptr;         ///< a chain, and whose the transform is too
    QLabel* m_shared = nullptr;
    QComboBox* m_method = nullptr;
    QComboBox* m_compensation = nullptr;
    QComboBox* m_bits = nullptr;
    QComboBox* m_group = nullptr;
    QComboBox* m_symmetric = nullptr;
    QComboBox* m_clip = nullptr;
    QComboBox* m_scheme = nullptr;
    QComboBox* m_activationBits = nullptr;
    QComboBox* m_activationSymmetric = nullptr;
    QDoubleSpinBox* m_alpha = nullptr;
    QToolButton* m_settings = nullptr;      ///< folds the method's own parameters away
    QWidget* m_parameters = nullptr;
    QGridLayout* m_parameterGrid = nullptr;
    std::vector<std::pair<MethodKind, MethodChoice>> m_shownChoices;
    QStringList m_others;
    std::function<std::string(const MethodChoice&)> m_whyNot;
    int m_row = 0;
};

} // namespace halftone
