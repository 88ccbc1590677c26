#pragma once

#include "core/quant/grid.h"

#include <QString>
#include <QWidget>

class QComboBox;
class QLabel;
class QSlider;

namespace halftone {

class SegmentedControl;

/// "per token", "CrossQuant", … and what its step is made of.
QString schemeText(ActivationScheme scheme);
QString schemeTip(ActivationScheme scheme);
/// "per token, 8 bits", "CrossQuant α 0.15, 4 bits".
QString gridText(const ActivationGrid& grid);

/// The activation grid that views show the effect of, live: scheme, bits 2…8, alpha (cross schemes only). Symmetric grids.
class GridControls : public QWidget {
    Q_OBJECT

public:
    /// Wide: schemes side by side above bits and alpha. Compact: one row, schemes in a list.
    enum class Form { Wide, Compact };
    /// `id` begins the controls' object names: "kernelScheme", "kernelBits", "kernelAlpha".
    GridControls(const QString& id, Form form, QWidget* parent = nullptr);

    ActivationGrid grid() const;
    void setGrid(const ActivationGrid& grid);   ///< does not emit

Q_SIGNALS:
    /// By the person; while a slider is dragged, with every step of it.
    void gridChosen(const halftone::ActivationGrid& grid);

private:
    int scheme() const;
    void changed();
    void showAlpha();

    SegmentedControl* m_schemes = nullptr;   ///< Wide
    QComboBox* m_schemeList = nullptr;       ///< Compact
    SegmentedControl* m_bits = nullptr;      ///< Wide
    QComboBox* m_bitsList = nullptr;         ///< Compact
    QSlider* m_alpha = nullptr;              ///< hundredths
    QLabel* m_alphaText = nullptr;
};

} // namespace halftone
