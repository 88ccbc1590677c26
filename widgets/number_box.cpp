#include "widgets/number_box.h"

#include <algorithm>
#include <cstdint>

namespace halftone {

namespace {

constexpr int kSixteen = 16, kPage = 10, kPageDoublings = 3;

std::int64_t sixteensFrom(std::int64_t value, int steps)
{
    for (; steps > 0; --steps)
        value = value < kSixteen ? value + 1 : (value / kSixteen + 1) * kSixteen;
    for (; steps < 0; ++steps)
        value = value <= kSixteen ? value - 1 : (value - 1) / kSixteen * kSixteen;
    return value;
}

std::int64_t doublingsFrom(std::int64_t value, int steps)
{
    if (std::abs(steps) >= kPage)   // a page, or a wheel with Ctrl
        steps = steps / kPage * kPageDoublings;
    std::int64_t power = 1;
    while (power < value)
        power *= 2;
    for (; steps > 0; --steps) {
        value = power == value ? power * 2 : power;
        power = value;
    }
    for (; steps < 0; ++steps) {
        value = power / 2;
        power = value;
    }
    return value;
}

} // namespace

NumberBox::NumberBox(Steps steps, QWidget* parent) : QSpinBox(parent), m_steps(steps)
{
    setAccelerated(steps != Steps::Doublings);   // those are quick enough to be counted
    if (steps == Steps::Scaled)
        setStepType(AdaptiveDecimalStepType);
}

void NumberBox::stepBy(int steps)
{
    if (m_steps != Steps::Sixteens && m_steps != Steps::Doublings) {
        QSpinBox::stepBy(steps);
        return;
    }
    interpretText();   // what was typed and not yet taken
    steps = std::clamp(steps, -10 * kPage, 10 * kPage);
    const std::int64_t value = m_steps == Steps::Sixteens ? sixteensFrom(this->value(), steps) : doublingsFrom(this->value(), std::clamp(steps, -kPage, kPage));
    setValue(static_cast<int>(std::clamp<std::int64_t>(value, minimum(), maximum())));
    selectAll();
}

DecimalBox::DecimalBox(QWidget* parent, double step) : QDoubleSpinBox(parent)
{
    setAccelerated(true);
    if (step > 0)
        setSingleStep(step);
    else
        setStepType(AdaptiveDecimalStepType);
}

} // namespace halftone
