#pragma once

#include <QHash>
#include <QString>
#include <QStringList>
#include <QWidget>

class QLabel;
class QLineEdit;
class QListWidget;
class QTextBrowser;
class QToolButton;

namespace halftone {

/// The guide: the Markdown pages of resources/help, index first, with a list of them at the side, a search over all of them and the way back.
class HelpWindow : public QWidget {
    Q_OBJECT
public:
    explicit HelpWindow(QWidget* parent = nullptr);
    /// "outliers", "kernel", …: the page of that name, else the index.
    void showPage(const QString& id);
    QString page() const { return m_page; }
    void goBack();
    void goForward();

protected:
    void changeEvent(QEvent* event) override;

private:
    void load(const QString& id);
    void visit(const QString& id);
    void search(const QString& words);
    void markFound();
    void updateWays();
    QString m_page;
    QStringList m_visited;               ///< in the order in which they were read
    qsizetype m_at = -1;                 ///< where in m_visited
    QHash<QString, QString> m_texts;     ///< id → the page, for the search; read when first searched
    QLineEdit* m_search = nullptr;
    QLabel* m_found = nullptr;
    QToolButton* m_back = nullptr;
    QToolButton* m_forward = nullptr;
    QListWidget* m_list = nullptr;
    QTextBrowser* m_text = nullptr;
};

} // namespace halftone
