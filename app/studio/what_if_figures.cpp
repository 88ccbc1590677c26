#include "app/studio/what_if_figures.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"

#include <QCoreApplication>
#include <QEvent>
#include <QGridLayout>
#include <QLabel>

#include <cmath>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

struct Texts {
    Q_DECLARE_TR_FUNCTIONS(halftone::WhatIfFigures)
};

const QString kUnknown = u"–"_s;

QString signedText(double change, const QString& text)
{
    return change < 0 ? u"▼ −"_s + text : u"▲ +"_s + text;
}

QString decibelText(double decibels)
{
    return std::isinf(decibels) ? Texts::tr("exact") : formatValue(decibels, 3) + u" dB"_s;
}

/// A share before and after; less is better.
WhatIfFigure shares(const QString& id, const QString& name, const QString& tip, std::optional<double> now, std::optional<double> then)
{
    WhatIfFigure figure{id, name, tip, now ? formatShare(*now) : kUnknown, then ? formatShare(*then) : kUnknown, {}, 0};
    if (now && then && figure.now != figure.then) {
        const double change = *then - *now;
        figure.change = signedText(change, formatShare(std::abs(change)));
        figure.better = change < 0 ? 1 : -1;
    }
    return figure;
}

std::optional<double> kernelOf(const PlanPreview& preview)
{
    if (!preview.plan.activations.quantized())
        return 0.0;
    return preview.input ? std::optional(preview.input->kernel) : std::nullopt;
}

std::optional<double> clippedOf(const PlanPreview& preview)
{
    if (!preview.plan.activations.quantized())
        return 0.0;
    return preview.input ? std::optional(preview.input->clipped) : std::nullopt;
}

} // namespace

std::vector<WhatIfFigure> whatIfFigures(const WhatIfAnswer& answer, const WhatIfSizes& sizes)
{
    const PlanPreview &now = answer.now, &then = answer.then;
    std::vector<WhatIfFigure> figures;

    WhatIfFigure error{u"sqnr"_s, Texts::tr("Weight SQNR"),
                       Texts::tr("Signal to error of the weights, rounded to nearest: 6 dB more is half the error. Before: %1 of their norm is lost; after: %2.")
                           .arg(formatShare(now.linear.weightError), formatShare(then.linear.weightError)),
                       decibelText(now.decibels()), decibelText(then.decibels()), {}, 0};
    if (error.now != error.then) {
        const double change = then.decibels() - now.decibels();
        error.better = change > 0 ? 1 : -1;
        error.change = std::isinf(change) ? (change > 0 ? u"▲"_s : u"▼"_s) : signedText(change, formatValue(std::abs(change), 3));
    }
    figures.push_back(error);

    const bool known = now.linear.outputError && then.linear.outputError;
    figures.push_back(shares(u"output"_s, Texts::tr("Output error"),
                             known ? Texts::tr("How far the linear's output moves at the sampled tokens, weights and input rounded, relative to the output; each token counts alike")
                                   : Texts::tr("Not known: Analyze keeps the sample of activations that it is measured on (asymmetric input grids cannot be tried)"),
                             now.linear.outputError, then.linear.outputError));
    const auto sampled = [](const PlanPreview& preview) { return preview.input && !preview.input->exact; };
    const QString source = sampled(now) || sampled(then) ? Texts::tr(" From a sample of tokens; Analyze with these settings counts them all.") : QString();
    figures.push_back(shares(u"kernel"_s, Texts::tr("Kernel share"), Texts::tr("Share of the input that rounds to zero.") + source, kernelOf(now), kernelOf(then)));
    figures.push_back(shares(u"clipInput"_s, Texts::tr("Input clipped"), Texts::tr("Share of the input beyond the end of its grid.") + source, clippedOf(now), clippedOf(then)));
    figures.push_back(shares(u"clipWeights"_s, Texts::tr("Weights clipped"), Texts::tr("Share of the weights beyond the end of their grid; a clip search gives up a few for a finer step"),
                             now.linear.clipped, then.linear.clipped));
    figures.back().better = 0;   // clipping is a means: whether it helps is what the error says

    const double before = static_cast<double>(sizes.now), after = static_cast<double>(sizes.then);
    WhatIfFigure size{u"size"_s, Texts::tr("Size"),
                      (sizes.linears == 1 ? Texts::tr("Of this linear in an export, ") : Texts::tr("Of the %1 linears together in an export, ").arg(sizes.linears))
                          + (sizes.dense ? Texts::tr("as large as in the float model: no packed format holds the recipe with this") : Texts::tr("scales and zero points included")), formatBytes(static_cast<std::uint64_t>(before)),
                      formatBytes(static_cast<std::uint64_t>(after)), {}, 0};
    if (before > 0 && after != before) {
        const double percent = (after / before - 1) * 100;
        size.change = signedText(percent, formatValue(std::abs(percent), 2) + u" %"_s);
        size.better = after < before ? 1 : -1;
    }
    figures.push_back(size);
    if (!answer.final)
        for (WhatIfFigure& figure : figures)
            if (figure.id == u"sqnr"_s || figure.id == u"output"_s || figure.id == u"clipWeights"_s)
                if (QString& text = now.plan == then.plan ? figure.now : figure.then; text != kUnknown && text != Texts::tr("exact"))
                    text.prepend(u'≈');
    if (now.plan == then.plan)
        for (WhatIfFigure& figure : figures)
            figure.then.clear();
    return figures;
}

WhatIfFigures::WhatIfFigures(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"whatIfFigures"_s);
    m_grid = new QGridLayout(this);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(6);
    m_grid->setVerticalSpacing(3);
    m_grid->setColumnStretch(0, 1);
    m_note = new QLabel(this);
    m_note->setObjectName(u"whatIfNote"_s);
    m_note->setTextFormat(Qt::PlainText);
    m_note->setWordWrap(true);
    m_grid->addWidget(m_note, 0, 0, 1, 4);
}

QLabel* WhatIfFigures::cell(int row, int column)
{
    if (QLayoutItem* item = m_grid->itemAtPosition(row, column))
        return static_cast<QLabel*>(item->widget());
    auto* label = new QLabel(this);
    label->setTextFormat(Qt::PlainText);
    label->setFont(tabularFont(font(), column == 2, 1));
    if (column == 0)
        label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);   // a narrow dock cuts the name, not the figures
    if (column > 0)
        label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_grid->addWidget(label, row, column);
    return label;
}

void WhatIfFigures::setMedian(const WhatIfMedian& median, const WhatIfSizes& sizes)
{
    m_figures = whatIfFigures({{}, median.now, median.then, false}, sizes);
    m_text = sizes.linears == median.looked ? tr("Medians of the %1 linears; size is their sum.").arg(sizes.linears)
                                            : tr("Medians of %1 of the %2 linears, spread over them; size is the sum of all.").arg(median.looked).arg(sizes.linears);
    refresh();
}

void WhatIfFigures::setAnswer(const WhatIfAnswer& answer, const WhatIfSizes& sizes)
{
    m_figures = whatIfFigures(answer, sizes);
    if (answer.then.plan.transform.method != "none")
        m_text = tr("Without the transform, which a run makes from calibration text: see its figures after a run.");
    else
        m_text = answer.then.plan.weights.quantized() && !roundsToNearest(answer.then.plan.rounding) ? tr("For rounding to nearest on these grids; a run measures the method itself.") : QString();
    refresh();
}

void WhatIfFigures::setMessage(const QString& sentence)
{
    m_figures.clear();
    m_text = sentence;
    refresh();
}

void WhatIfFigures::refresh()
{
    const Colours& c = colours();
    const auto paint = [](QLabel* label, const QColor& colour) {
        QPalette palette = label->palette();
        palette.setColor(QPalette::WindowText, colour);
        label->setPalette(palette);
    };
    m_note->setText(m_text);
    m_note->setVisible(!m_text.isEmpty());
    paint(m_note, c.faint);
    int row = 1;
    for (const WhatIfFigure& figure : m_figures) {
        const std::array texts{figure.name, figure.now, figure.then, figure.change};
        for (int column = 0; column < 4; ++column) {
            QLabel* label = cell(row, column);
            label->setText(texts[static_cast<std::size_t>(column)]);
            label->setToolTip(figure.tip.toHtmlEscaped());
            label->setObjectName(column == 0 ? QString() : u"whatIf-%1-%2"_s.arg(figure.id).arg(column == 1 ? u"now"_s : column == 2 ? u"then"_s : u"change"_s));
            paint(label, column == 0 ? c.faint : column == 3 && figure.better != 0 ? (figure.better > 0 ? c.good : c.bad) : column == 1 && !figure.then.isEmpty() ? c.faint : c.text);
            label->show();
        }
        const QString word = figure.better > 0 ? tr("better") : figure.better < 0 ? tr("worse") : QString();
        cell(row, 3)->setAccessibleName(figure.change.isEmpty() ? QString() : u"%1 %2"_s.arg(figure.change, word).trimmed());
        ++row;
    }
    for (; row < m_grid->rowCount(); ++row)
        for (int column = 0; column < 4; ++column)
            if (QLayoutItem* item = m_grid->itemAtPosition(row, column))
                item->widget()->hide();
}

void WhatIfFigures::changeEvent(QEvent* event)
{
    // Afterwards: an application's new style sheet gives its widgets the palettes back that they had before it.
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange)
        QMetaObject::invokeMethod(this, [this] { refresh(); }, Qt::QueuedConnection);
    QWidget::changeEvent(event);
}

} // namespace halftone
