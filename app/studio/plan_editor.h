#pragma once

#include "core/recipe/recipe.h"

#include <QWidget>

#include <functional>
#include <vector>

class QComboBox;
class QDoubleSpinBox;
class QFormLayout;

namespace halftone {

/// The plan of one linear, or of several at once ("mixed" where they differ), as fields. Shows what it is given; asks for changes.
class PlanEditor : public QWidget {
    Q_OBJECT
public:
    explicit PlanEditor(QWidget* parent = nullptr);
    /// @param width input width of the linears (offers groups that divide it); 0: they differ
    void setPlans(const std::vector<Plan>& plans, std::int64_t width);
    void setReadOnly(bool readOnly);

Q_SIGNALS:
    void patchRequested(const halftone::PlanPatch& patch);

private:
    QComboBox* addChoice(const QString& name, const QString& label, const QString& tip);
    void rebuildParameters(const MethodChoice& choice);
    void addParameter(const MethodInfo& method, const ParameterInfo& info, const MethodChoice& choice);

    QFormLayout* m_form = nullptr;
    QComboBox* m_method = nullptr;
    QComboBox* m_bits = nullptr;
    QComboBox* m_group = nullptr;
    QComboBox* m_symmetric = nullptr;
    QComboBox* m_clip = nullptr;
    QComboBox* m_scheme = nullptr;
    QComboBox* m_activationBits = nullptr;
    QDoubleSpinBox* m_alpha = nullptr;
    QWidget* m_parameters = nullptr;
    QFormLayout* m_parameterForm = nullptr;
    MethodChoice m_shownChoice{"", {}};
};

} // namespace halftone
