#pragma once

#include "core/recipe/recipe.h"

#include <QStringList>
#include <QUndoCommand>

namespace halftone {

class Document;

/// A change of the recipe. Holds the *other* recipe: undo and redo are the same swap. Steps of one kind on the same linears that follow each
/// other merge; a merged step that ends where it began is obsolete.
class EditRecipe final : public QUndoCommand {
public:
    /// What can merge: steps of one kind. A step on one field of a plan is of kind Field + the field's place in eachPlanField().
    enum Kind { Single = -1, Calibration = 1, Contract, KvCache, Field };

    /// @param subject the linears it touches: only steps with the same subject merge
    EditRecipe(Document& document, Recipe edited, const QString& name, int kind, QStringList subject);
    void undo() override;
    void redo() override;
    int id() const override { return m_kind; }
    bool mergeWith(const QUndoCommand* next) override;

    /// Which kind of step a patch is.
    static int kindOf(const PlanPatch& patch);

private:
    Document& m_document;
    Recipe m_other;
    int m_kind;
    QStringList m_subject;
};

/// "4 bits: model.layers.3.mlp.down_proj", "GPTQ: all down_proj".
QString editName(const QString& subject, const PlanPatch& patch);

} // namespace halftone
