#pragma once

#include <QStringList>
#include <QWidget>

class QButtonGroup;
class QHBoxLayout;

namespace halftone {

/// One row of joined buttons of which one is down ("per tensor | per token | …"). Arrow keys move it. What is merely on or off is a check box.
class SegmentedControl : public QWidget {
    Q_OBJECT

public:
    explicit SegmentedControl(QWidget* parent = nullptr);
    /// Texts and tooltips (same length, or no tooltips).
    void setSegments(const QStringList& texts, const QStringList& tips = {});
    int current() const;
    void setCurrent(int index);               ///< does not emit
    /// `whyOff` is its tooltip while it is disabled.
    void setSegmentEnabled(int index, bool enabled, const QString& whyOff = {});
    int count() const;

Q_SIGNALS:
    void chosen(int index);                   ///< by the person

private:
    void fitStop();

    QHBoxLayout* m_layout = nullptr;
    QButtonGroup* m_group = nullptr;
    QStringList m_tips;
};

} // namespace halftone
