#pragma once

#include "core/eval/token_trace.h"
#include "widgets/picture.h"
#include "widgets/view_frame.h"

#include <memory>

class QCustomPlot;

namespace halftone {

class SegmentedControl;
class TokenFlow;

/// The start of a measured text, coloured by what each token lost, with the drift of the picked token's hidden state block by block below.
class TextsView : public ViewFrame {
    Q_OBJECT

public:
    enum class Mode { Added, Loss, Reference, Divergence };

    explicit TextsView(QWidget* parent = nullptr);
    ~TextsView() override;
    /// Whose losses they are ("run-001 · held-out.txt"); an empty trace: the empty state.
    void setTrace(const QString& title, const TokenTrace& trace, const QString& run = {});
    const TokenTrace& trace() const { return m_trace; }
    void setMode(Mode mode);
    Mode mode() const;
    /// The value that a token is coloured by; NaN: none.
    float valueOf(std::size_t token) const;
    /// Picks a token as a click does, without tokenPicked.
    void setPicked(int token);
    int picked() const;
    TokenFlow* flow() const { return m_flow; }
    QCustomPlot* plot() const { return m_plot; }

Q_SIGNALS:
    void blockPicked(int block);     ///< where the picked token's drift grows most
    void blockOpened(int block);     ///< the same, to be looked at

protected:
    void changeEvent(QEvent* event) override;

private:
    class TextsPicture;
    void refresh();
    void refreshPlot();
    QStringList readout(int token) const;

    TokenTrace m_trace;
    Mode m_wanted = Mode::Added;     ///< where there is a float model to compare with
    SegmentedControl* m_modes = nullptr;
    TokenFlow* m_flow = nullptr;
    QWidget* m_body = nullptr;
    QCustomPlot* m_plot = nullptr;
    std::unique_ptr<TextsPicture> m_picture;
};

} // namespace halftone
