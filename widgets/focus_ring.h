#pragma once

#include <QWidget>

namespace halftone {

/// A frame over a widget while it has the keyboard's focus, for those that draw none themselves (plots). Clicks go through it.
class FocusRing : public QWidget {
public:
    explicit FocusRing(QWidget* on);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
};

} // namespace halftone
