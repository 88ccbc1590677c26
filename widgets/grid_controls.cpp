#include "widgets/grid_controls.h"

#include "core/analysis/site_statistics.h"
#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/segmented_control.h"

#include <QComboBox>
#include <QCoreApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QSlider>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kLeastBits = 2, kMostBits = 8;

bool isCross(ActivationScheme scheme)
{
    return scheme == ActivationScheme::Cross || scheme == ActivationScheme::CrossStatic;
}

} // namespace

QString schemeText(ActivationScheme scheme)
{
    switch (scheme) {
    case ActivationScheme::PerTensor: return GridControls::tr("per tensor");
    case ActivationScheme::PerToken: return GridControls::tr("per token");
    case ActivationScheme::PerChannel: return GridControls::tr("per channel");
    case ActivationScheme::Cross: return GridControls::tr("CrossQuant");
    case ActivationScheme::CrossStatic: return GridControls::tr("static cross");
    case ActivationScheme::None: break;
    }
    return GridControls::tr("float");
}

QString schemeTip(ActivationScheme scheme)
{
    switch (scheme) {
    case ActivationScheme::PerTensor: return GridControls::tr("One scale for the site, from the whole text");
    case ActivationScheme::PerToken: return GridControls::tr("One scale a token, found while running");
    case ActivationScheme::PerChannel: return GridControls::tr("One scale a channel, from the whole text");
    case ActivationScheme::Cross: return GridControls::tr("CrossQuant as published, for analysis: token maximum to the power alpha times the current window's channel maximum to the power 1 − alpha");
    case ActivationScheme::CrossStatic: return GridControls::tr("CrossQuant, static channels: channel maxima of the whole text; what exports is the third form, the transform crossquant with a grid per token");
    case ActivationScheme::None: break;
    }
    return GridControls::tr("Activations stay as they are");
}

QString gridText(const ActivationGrid& grid)
{
    const QString scheme = isCross(grid.scheme) ? u"%1 α %2"_s.arg(schemeText(grid.scheme), formatValue(grid.alpha, 3)) : schemeText(grid.scheme);
    return GridControls::tr("%1, %2 bits").arg(scheme).arg(grid.bits);
}

GridControls::GridControls(const QString& id, Form form, QWidget* parent) : QWidget(parent)
{
    setObjectName(id + u"Grid"_s);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    auto* row = new QHBoxLayout;
    row->setSpacing(8);
    QStringList texts, tips, bits, bitTips;
    for (int i = 0; i < kKernelSchemes; ++i) {
        texts << schemeText(kernelScheme(i));
        tips << schemeTip(kernelScheme(i));
    }
    for (int b = kLeastBits; b <= kMostBits; ++b) {
        bits << QString::number(b);
        bitTips << tr("Codes of %1 bits: −%2 … %2").arg(b).arg(symmetricMax(b));
    }
    if (form == Form::Wide) {
        m_schemes = new SegmentedControl(this);
        m_schemes->setObjectName(id + u"Scheme"_s);
        m_schemes->setAccessibleName(tr("Activation grid"));
        m_schemes->setSegments(texts, tips);
        auto* first = new QHBoxLayout;
        first->addWidget(m_schemes);
        first->addStretch();
        column->addLayout(first);
        auto* bitsLabel = new QLabel(tr("bits"), this);
        bitsLabel->setForegroundRole(QPalette::PlaceholderText);
        m_bits = new SegmentedControl(this);
        m_bits->setObjectName(id + u"Bits"_s);
        m_bits->setAccessibleName(tr("Bits of the activation grid"));
        m_bits->setSegments(bits, bitTips);
        row->addWidget(bitsLabel);
        row->addWidget(m_bits);
        connect(m_schemes, &SegmentedControl::chosen, this, &GridControls::changed);
        connect(m_bits, &SegmentedControl::chosen, this, &GridControls::changed);
    } else {
        m_schemeList = new QComboBox(this);
        m_schemeList->setObjectName(id + u"Scheme"_s);
        m_schemeList->setAccessibleName(tr("Activation grid"));
        m_schemeList->setToolTip(tr("The activation grid whose effect is shown"));
        m_schemeList->addItems(texts);
        m_schemeList->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);   // these controls come and go: they widen no panel
        m_schemeList->setMinimumContentsLength(6);
        for (int i = 0; i < kKernelSchemes; ++i)
            m_schemeList->setItemData(i, tips[i], Qt::ToolTipRole);
        m_bitsList = new QComboBox(this);
        m_bitsList->setObjectName(id + u"Bits"_s);
        m_bitsList->setAccessibleName(tr("Bits of the activation grid"));
        m_bitsList->setToolTip(tr("Bits of the activation grid"));
        for (const QString& b : bits)
            m_bitsList->addItem(tr("%1 bits").arg(b));
        row->addWidget(m_schemeList, 1);
        row->addWidget(m_bitsList);
        connect(m_schemeList, &QComboBox::activated, this, &GridControls::changed);
        connect(m_bitsList, &QComboBox::activated, this, &GridControls::changed);
    }
    m_alphaText = new QLabel(this);
    m_alphaText->setTextFormat(Qt::PlainText);
    m_alphaText->setFont(tabularFont(font()));
    m_alphaText->setMinimumWidth(m_alphaText->fontMetrics().horizontalAdvance(u"α 0.00"_s));
    m_alpha = new QSlider(Qt::Horizontal, this);
    m_alpha->setObjectName(id + u"Alpha"_s);
    m_alpha->setAccessibleName(tr("Alpha of the cross grids"));
    m_alpha->setRange(0, 100);
    m_alpha->setPageStep(5);
    m_alpha->setMinimumWidth(64);
    m_alpha->setMaximumWidth(160);
    row->addSpacing(4);
    row->addWidget(m_alphaText);
    row->addWidget(m_alpha, 1);
    row->addStretch();
    column->addLayout(row);
    connect(m_alpha, &QSlider::valueChanged, this, &GridControls::changed);
    setGrid({ActivationScheme::PerToken, 8, true, 0.15});
}

int GridControls::scheme() const
{
    return std::max(0, m_schemes ? m_schemes->current() : m_schemeList->currentIndex());
}

ActivationGrid GridControls::grid() const
{
    const int bits = kLeastBits + std::max(0, m_bits ? m_bits->current() : m_bitsList->currentIndex());
    return {kernelScheme(scheme()), bits, true, m_alpha->value() / 100.0};
}

void GridControls::setGrid(const ActivationGrid& grid)
{
    for (int i = 0; i < kKernelSchemes; ++i)
        if (kernelScheme(i) == grid.scheme)
            m_schemes ? m_schemes->setCurrent(i) : m_schemeList->setCurrentIndex(i);
    const int bits = std::clamp(grid.bits, kLeastBits, kMostBits) - kLeastBits;
    m_bits ? m_bits->setCurrent(bits) : m_bitsList->setCurrentIndex(bits);
    const QSignalBlocker quiet(m_alpha);
    m_alpha->setValue(static_cast<int>(std::lround(grid.alpha * 100)));
    showAlpha();
}

void GridControls::changed()
{
    showAlpha();
    Q_EMIT gridChosen(grid());
}

void GridControls::showAlpha()
{
    const bool cross = isCross(kernelScheme(scheme()));
    m_alpha->setEnabled(cross);
    m_alphaText->setEnabled(cross);
    m_alpha->setToolTip(cross ? tr("Exponent of the token maximum: 1 is per token, 0 per channel") : tr("Only CrossQuant and static cross have an alpha"));
    m_alphaText->setText(u"α %1"_s.arg(m_alpha->value() / 100.0, 0, 'f', 2));
}

} // namespace halftone
