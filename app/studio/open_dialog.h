#pragma once

#include <QFileDialog>

class QPushButton;

namespace halftone {

/// One dialog for all that is opened: a file (a GGUF checkpoint, or any file of a model's folder or project), or the folder itself.
class OpenDialog : public QFileDialog {
    Q_OBJECT
public:
    OpenDialog(const QString& folder, QWidget* parent);

private:
    void look(const QString& path);
    QPushButton* m_whole = nullptr;   ///< "Open this folder"
    QString m_folder;                 ///< that it opens; empty: none
};

} // namespace halftone
