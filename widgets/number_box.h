#pragma once

#include <QDoubleSpinBox>
#include <QSpinBox>

namespace halftone {

/// A whole number that a hand reaches in a few steps: by keys, by the wheel, or by holding an arrow, which goes faster the longer it is held.
/// Page up and page down take ten steps where they add, three where they double.
class NumberBox : public QSpinBox {
public:
    enum class Steps {
        Ones,       ///< bits, heads, seeds
        Scaled,     ///< a tenth of the number's own power of ten: 20, 21…; 200, 210…; 2000, 2100…
        Sixteens,   ///< counts of samples and windows: by one up to 16, then from multiple to multiple of 16
        Doublings,  ///< lengths in tokens: from power of two to power of two
    };

    explicit NumberBox(Steps steps, QWidget* parent = nullptr);
    void stepBy(int steps) override;

private:
    Steps m_steps;
};

/// The same for a number with decimals. The step is the caller's, or a tenth of the number's own power of ten where there is none.
class DecimalBox : public QDoubleSpinBox {
public:
    explicit DecimalBox(QWidget* parent = nullptr, double step = 0);
};

} // namespace halftone
