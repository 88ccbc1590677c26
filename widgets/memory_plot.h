#pragma once

#include "widgets/memory_sample.h"
#include "widgets/qcustomplot_wrapper.h"

#include <cstdint>
#include <vector>

namespace halftone {

/// Memory over the time of a run, beside the peak that was planned.
class MemoryPlot : public QCustomPlot {
    Q_OBJECT

public:
    explicit MemoryPlot(QWidget* parent = nullptr);
    /// `plan` 0: none. `steps`: each value holds back to the one before it (peaks block by block), else they are joined.
    void setMemory(const std::vector<MemorySample>& samples, std::uint64_t plan, bool steps);
    std::uint64_t peak() const { return m_peak; }
    QSize sizeHint() const override { return {240, 140}; }
    QSize minimumSizeHint() const override { return {160, 90}; }

protected:
    void changeEvent(QEvent* event) override;

private:
    void restyle();
    std::uint64_t m_peak = 0;
    QCPItemText* m_planLabel = nullptr;
};

} // namespace halftone
