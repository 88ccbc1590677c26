#pragma once

#include "app/studio/job_dialog.h"
#include "app/studio/tasks.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;

namespace halftone {

/// Which run goes where in which format; what a runtime would refuse or silently ignore is listed before anything is written.
class ExportDialog : public JobDialog {
    Q_OBJECT
public:
    ExportDialog(const Document& document, const QString& folder, QWidget* parent);
    /// Sets its run, where that is done.
    void chooseRun(const QString& run);
    ExportRequest request() const;
    /// The answer to checkRequested; answers about another choice are ignored.
    void setIssues(const QString& run, const QString& format, const std::vector<ContractIssue>& issues, const QString& error);

Q_SIGNALS:
    void checkRequested(const halftone::ExportRequest& request);

private:
    void fit();
    void choose();
    QString sizeText() const;
    void refresh();

    const Document& m_document;
    std::vector<FormatInfo> m_formats;
    QComboBox* m_runs = nullptr;
    QComboBox* m_format = nullptr;
    QComboBox* m_dtype = nullptr;
    QLineEdit* m_out = nullptr;
    QCheckBox* m_overwrite = nullptr;
    QLabel* m_summary = nullptr;
    QPlainTextEdit* m_issues = nullptr;
    int m_fitted = 0;   ///< the height that fit() gave; another is a person's own
    bool m_checked = false;
    bool m_fatal = false;
    QString m_checkError;
};

} // namespace halftone
