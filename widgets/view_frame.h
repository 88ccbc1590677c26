#pragma once

#include <QList>
#include <QString>
#include <QWidget>

class QAction;
class QHBoxLayout;
class QLabel;
class QMenu;
class QStackedLayout;
class QToolButton;

namespace halftone {

class ElidedLabel;
class EmptyState;
class Picture;
struct PictureFile;

/// What every view wears: title and subtitle line, a row for its controls, the corner menu (copy picture or numbers, save as PNG 2× or 4×,
/// SVG, PDF or CSV, full screen, explain), the empty state, and the hatched edge of a stale result.
class ViewFrame : public QWidget {
    Q_OBJECT

public:
    /// @param id "outliers", "kernel", …: names the view in signals, object names and the CLI's `plot`.
    ViewFrame(QString id, QString title, QWidget* parent = nullptr);

    QString id() const { return m_id; }
    QString title() const { return m_title; }
    QString subtitle() const { return m_subtitle; }
    void setSubtitle(const QString& text);
    /// The run whose picture this is: its mark stands before the subtitle. Empty: of none, or of more than one.
    void setRunMark(const QString& run);
    QString markedRun() const { return m_markedRun; }

    /// While it is set the view shows `sentence` and a button instead of its picture; `cost` is said beside it ("about 8 s").
    void setEmptyState(const QString& sentence, const QString& button, const QString& cost = {});
    bool isEmptyStateShown() const;
    /// The data no longer belongs to what is set: a hatched edge, and "update" in place (measureRequested).
    void setStale(bool stale, const QString& reason = {});
    bool isStale() const { return m_stale; }

    /// By the file's ending: png, svg, pdf, csv. An empty size takes that on screen; the view need not be shown. @throws Error as savePicture.
    void saveTo(const QString& file, const QSize& size = {}, int scale = 2);
    void copyToClipboard();
    void copyNumbersToClipboard();
    QMenu* cornerMenu() const { return m_menu; }

Q_SIGNALS:
    void measureRequested();                       ///< the button of the empty state, or "update" of a stale view
    void explainRequested(const QString& id);
    void fullScreenRequested(const QString& id);
    void saveFailed(const QString& sentence);      ///< from the corner menu's save; shown by the window
    void saved(const QString& file);

protected:
    /// The view's content; `picture` (often the same object) must live as long.
    void setContent(QWidget* content, Picture* picture);
    QHBoxLayout* controls() const { return m_controls; }
    void setHasData(bool hasData);                 ///< chooses between content and empty state
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void buildMenu();
    void setHasDataActions(bool hasData);
    void saveAs(const QString& ending, int scale);
    void saveInBackground(const QString& file, int scale);
    PictureFile drawn(const QString& file, const QSize& size, int scale);

    QString m_id, m_title, m_subtitle, m_markedRun;
    QLabel* m_mark = nullptr;
    ElidedLabel* m_subtitleLabel = nullptr;
    QToolButton* m_update = nullptr;
    QToolButton* m_corner = nullptr;
    QMenu* m_menu = nullptr;
    QList<QAction*> m_giveAway;          ///< copy and save: off while there is nothing to give away
    QHBoxLayout* m_controls = nullptr;
    QStackedLayout* m_stack = nullptr;
    EmptyState* m_empty = nullptr;
    Picture* m_picture = nullptr;
    bool m_stale = false;
};

} // namespace halftone
