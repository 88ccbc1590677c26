#pragma once

#include "app/studio/recent_row.h"

#include <QHash>
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
    void setRecent(const QStringList& paths, const QStringList& pinned);
    /// What is known of the recent paths; those that are not there are offered to be forgotten.
    void setFacts(const QHash<QString, RecentFacts>& facts);
    /// The tour is offered large until it was taken or declined; afterwards it is one of the links below.
    void setTourOffered(bool offered);
    void setSampleAvailable(bool available);
    /// Gives the keys to what a new user wants: the tour where it is offered, else the sample, else a model.
    void takeFocus();
    /// While a model is being opened the page says so.
    void setOpening(const QString& path);

Q_SIGNALS:
    void sampleRequested();
    void openRequested();
    void recentRequested(const QString& path);
    void forgetRequested(const QString& path);
    void pinRequested(const QString& path, bool pinned);
    void helpRequested();
    void tourRequested();
    void tourDeclined();

private:
    void buildTourCard(QVBoxLayout* layout);
    QStringList m_paths, m_pinned;
    QHash<QString, RecentFacts> m_facts;
    QWidget* m_tourCard = nullptr;
    QPushButton* m_tourLink = nullptr;
    bool m_tourOffered = false, m_sampleAvailable = false;
    QPushButton* m_sample = nullptr;
    QWidget* m_recentBox = nullptr;
    QVBoxLayout* m_recent = nullptr;
    QLabel* m_opening = nullptr;
};

} // namespace halftone
