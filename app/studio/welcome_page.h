#pragma once

#include <QStringList>
#include <QWidget>

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace halftone {

/// The first start: the sample model, open, what was open before, and the three steps of the main job.
class WelcomePage : public QWidget {
    Q_OBJECT
public:
    explicit WelcomePage(QWidget* parent = nullptr);
    void setRecent(const QStringList& paths);
    void setSampleAvailable(bool available);
    /// While a model is being opened the page says so.
    void setOpening(const QString& path);

Q_SIGNALS:
    void sampleRequested();
    void openFileRequested();
    void openFolderRequested();
    void recentRequested(const QString& path);
    void helpRequested();

private:
    QPushButton* m_sample = nullptr;
    QWidget* m_recentBox = nullptr;
    QVBoxLayout* m_recent = nullptr;
    QLabel* m_opening = nullptr;
};

} // namespace halftone
