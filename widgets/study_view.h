#pragma once

#include "core/recipe/study_result.h"
#include "widgets/picture.h"
#include "widgets/view_frame.h"

#include <memory>
#include <vector>

class QCPItemText;
class QCustomPlot;

namespace halftone {

/// A study's settings one below the other, each at its perplexity, with the float model and the classes' limits; its numbers are the whole table.
class StudyView : public ViewFrame {
    Q_OBJECT

public:
    explicit StudyView(QWidget* parent = nullptr);
    ~StudyView() override;
    void setResult(const StudyResult& result, const ClassLimits& limits);
    /// Members from the top; an empty list is the study's own order.
    void setOrder(std::vector<int> members);
    void setChosen(int member);
    QCustomPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void memberChosen(int member);

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    class StudyPicture;
    /// Rows from the top: members that are measured.
    std::vector<int> rows() const;
    int memberAt(const QPoint& position) const;
    void refresh();
    void fitNames(const QSize& size);

    StudyResult m_result;
    ClassLimits m_limits;
    std::vector<int> m_order;
    int m_chosen = -1;
    QCustomPlot* m_plot = nullptr;
    std::vector<QCPItemText*> m_values;   ///< by row from the top; null where the figure is not finite
    std::unique_ptr<StudyPicture> m_picture;
};

} // namespace halftone
