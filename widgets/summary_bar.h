#pragma once

#include <QString>
#include <QWidget>

#include <cstdint>
#include <optional>

namespace halftone {

class ElidedLabel;

/// What the whole recipe comes to; always in sight, top right.
struct Summary {
    std::uint64_t bytes = 0;                           ///< of the export; 0: unknown
    std::uint64_t fileBytes = 0;                       ///< of the model as it lies on disk; 0: unknown
    QString fileNote;                                  ///< why the model's file is small; empty: it is not
    double bitsPerWeight = 0;                          ///< scales and zero points included; 0: unknown
    struct Figure {
        QString name;                                  ///< "KL", "Perplexity"
        double value = 0, error = 0;
        bool measured = false;                         ///< predicted figures are italic, with ±
        bool stale = false;                            ///< of a run of another recipe
        QString source = {};                              ///< what was measured, "run-001"
        QString activationGrid = {};                      ///< it was measured with; empty: none
    };
    std::optional<Figure> figure;
    QString cache;                                     ///< the KV cache's grid, short; empty: float, and no cell for it
    QString cacheTip;
    QString contract;                                  ///< "vLLM · transformers"; empty: none chosen
    QString contractIssue;                             ///< a sentence when the plans break it
    QString activationGrid;                            ///< whose formulas round activations, "transformers'"; empty: none are rounded
    bool denseOnly = false;                            ///< no packed format holds the recipe …
    QString denseReason;                               ///< … and why, a sentence
};

class SummaryBar : public QWidget {
    Q_OBJECT

public:
    explicit SummaryBar(QWidget* parent = nullptr);
    void setSummary(const Summary& summary);
    void clear();

Q_SIGNALS:
    void contractClicked();
    void cacheClicked();
    void figureClicked();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    struct Cell { QWidget* box = nullptr; ElidedLabel* caption = nullptr; ElidedLabel* value = nullptr; };
    Cell addCell(const QString& name, const QString& caption, const QString& tip);
    void refresh();

    Cell m_size, m_bits, m_cache, m_figure, m_contract;
    Summary m_summary;
};

} // namespace halftone
