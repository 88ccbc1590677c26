#pragma once

#include <QString>
#include <QWidget>

class QListWidget;
class QTextBrowser;

namespace halftone {

/// The guide: the Markdown pages of resources/help, index first, with a list of them at the side.
class HelpWindow : public QWidget {
    Q_OBJECT
public:
    explicit HelpWindow(QWidget* parent = nullptr);
    /// "outliers", "kernel", …: the page of that name, else the index.
    void showPage(const QString& id);
    QString page() const { return m_page; }

protected:
    void changeEvent(QEvent* event) override;

private:
    void load(const QString& id);
    QString m_page;
    QListWidget* m_list = nullptr;
    QTextBrowser* m_text = nullptr;
};

} // namespace halftone
