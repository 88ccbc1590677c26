#include "app/studio/inspector.h"

#include "app/studio/document.h"
#include "app/studio/text.h"
#include "app/studio/what_if_panel.h"
#include "widgets/colour_map.h"
#include "widgets/elided_label.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QCoreApplication>
#include <QGridLayout>
#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr std::array<const char*, kKernelSchemes> kSchemeNames{QT_TRANSLATE_NOOP("Inspector", "per tensor"), QT_TRANSLATE_NOOP("Inspector", "per token"),
                                                               QT_TRANSLATE_NOOP("Inspector", "per channel"), QT_TRANSLATE_NOOP("Inspector", "CrossQuant"),
                                                               QT_TRANSLATE_NOOP("Inspector", "static cross")};

QFont smaller(const QFont& font)
{
    QFont small = font;
    small.setPointSizeF(font.pointSizeF() - 1);
    return small;
}

} // namespace

QString coarseGridWarning(const ModelDescription& model)
{
    if (!model.coarseGrid)
        return {};
    const CoarseGrid& grid = *model.coarseGrid;
    const QString source = grid.source.empty() ? QString() : QStringLiteral(" (%1)").arg(toQString(grid.source));
    return QCoreApplication::translate("Inspector", "These weights already lie on a coarse grid%1: at most %2 levels in blocks of %3. "
                                                    "Results here look better than they would from a float model.")
        .arg(source).arg(grid.levels).arg(grid.blockSize);
}

Inspector::Inspector(const Document& document, JobRunner& jobs, QWidget* parent)
    : QScrollArea(parent)
    , m_document(document)
{
    setObjectName(u"inspector"_s);
    setAccessibleName(tr("Inspector"));
    setWidgetResizable(true);
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setMinimumWidth(264);
    auto* body = new QWidget(this);
    body->setObjectName(u"inspectorBody"_s);
    m_layout = new QVBoxLayout(body);
    m_layout->setContentsMargins(12, 8, 12, 12);
    m_layout->setSpacing(4);

    auto* title = new QLabel(tr("Inspector"), body);
    QFont bold = title->font();
    bold.setBold(true);
    title->setFont(bold);
    m_layout->addWidget(title);
    m_name = new ElidedLabel(body);
    m_name->setObjectName(u"inspectorName"_s);
    m_name->setFont(bold);
    m_layout->addSpacing(4);
    m_layout->addWidget(m_name);
    const auto label = [&](const QString& name) {
        auto* text = new QLabel(body);
        text->setObjectName(name);
        text->setTextFormat(Qt::PlainText);
        text->setWordWrap(true);
        m_layout->addWidget(text);
        return text;
    };
    m_facts = label(u"inspectorFacts"_s);
    m_facts->setFont(smaller(font()));
    m_coarse = label(u"coarseGrid"_s);
    m_coarse->setContentsMargins(8, 4, 8, 4);
    m_coarse->setFont(smaller(font()));
    m_hint = label(u"inspectorHint"_s);
    m_whatIf = new WhatIfPanel(document, jobs, body);
    m_layout->addWidget(m_whatIf);
    m_site = addSection(u"siteSection"_s, tr("Input activations"), 2);
    m_kernel = addSection(u"kernelSection"_s, tr("Rounded to zero"), 4);
    m_weights = addSection(u"weightsSection"_s, tr("Weights"), 2);
    m_result = addSection(u"resultSection"_s, tr("Last run"), 2);
    m_layout->addStretch(1);
    setWidget(body);
    connect(m_whatIf, &WhatIfPanel::patchRequested, this, &Inspector::patchRequested);
    connect(m_whatIf, &WhatIfPanel::saveFailed, this, &Inspector::saveFailed);
    refresh();
}

Inspector::Section Inspector::addSection(const QString& name, const QString& title, int columns)
{
    Section section;
    section.columns = columns;
    section.box = new QWidget(this);
    section.box->setObjectName(name);
    section.grid = new QGridLayout(section.box);
    section.grid->setContentsMargins(0, 12, 0, 0);
    section.grid->setHorizontalSpacing(8);
    section.grid->setVerticalSpacing(2);
    section.grid->setColumnStretch(0, 1);
    section.title = new QLabel(title, section.box);
    QFont bold = section.title->font();
    bold.setBold(true);
    section.title->setFont(bold);
    section.grid->addWidget(section.title, 0, 0, 1, columns);
    m_layout->addWidget(section.box);
    return section;
}

/// Rows of texts under the title; the first of each is its name, one that stands alone has the whole width. Names wrap rather than widen the panel.
/// Labels are reused, so that a selection walks without flicker.
void Inspector::fill(Section& section, const std::vector<QStringList>& rows)
{
    section.box->setVisible(!rows.empty());
    section.lines.resize(std::max(section.lines.size(), rows.size()));
    for (std::size_t line = 0; line < section.lines.size(); ++line) {
        QList<QLabel*>& labels = section.lines[line];
        const QStringList row = line < rows.size() ? rows[line] : QStringList();
        const int at = static_cast<int>(line) + 1;
        for (int column = 0; column < row.size(); ++column) {
            if (column == labels.size()) {
                auto* label = labels.emplace_back(new QLabel(section.box));
                label->setTextFormat(Qt::PlainText);
                label->setTextInteractionFlags(column ? Qt::TextSelectableByMouse : Qt::NoTextInteraction);
                label->setWordWrap(column == 0);
                if (column > 0) {
                    label->setFont(tabularFont(font()));
                    label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
                }
                section.grid->addWidget(label, at, column);
            }
            QLabel* label = labels[column];
            QPalette palette = label->palette();
            palette.setColor(QPalette::WindowText, column == 0 ? colours().faint : colours().text);
            label->setPalette(palette);
            label->setText(row[column]);
            label->show();
        }
        if (!row.isEmpty())
            section.grid->addWidget(labels.front(), at, 0, 1, row.size() == 1 ? section.columns : 1);
        for (qsizetype column = row.size(); column < labels.size(); ++column)
            labels[column]->hide();
    }
}

void Inspector::setTargets(const QStringList& linears)
{
    m_targets = linears;
    refresh();
}

void Inspector::setFiltered(const QStringList& linears)
{
    m_whatIf->setFiltered(linears);
}

void Inspector::refresh()
{
    const Selection& selection = m_document.selection();
    const LinearInfo* linear = m_document.linear(selection.linear);
    QPalette faint = m_facts->palette();
    faint.setColor(QPalette::WindowText, colours().faint);
    m_facts->setPalette(faint);
    m_hint->setPalette(faint);
    const QString notice = u"background: %1; color: %2;"_s.arg(colours().warningGround.name(), colours().warning.name());
    if (m_coarse->styleSheet() != notice)
        m_coarse->setStyleSheet(notice);

    const SiteInfo* site = selection.block >= 0 && selection.site ? m_document.site(selection.block, *selection.site) : nullptr;
    if (linear) {
        m_name->setText(toQString(linear->name));
        m_facts->setText(tr("%1 × %2 · %3 · %4 weights%5").arg(linear->out).arg(linear->in).arg(toQString(linear->dtype), countText(linear->weights()),
                                                                                         linear->bias ? tr(" · bias") : QString()));
    } else if (site) {
        m_name->setText(toQString(site->name));
        QStringList feeds;
        for (const std::string& each : site->linears)
            feeds.append(toQString(std::string_view(each).substr(each.rfind('.') + 1)));
        m_facts->setText(tr("%1 channels · feeds %2").arg(site->channels).arg(feeds.join(u", "_s)));
    } else if (m_document.isOpen()) {
        const ModelDescription& model = m_document.model();
        m_name->setText(m_document.name());
        m_facts->setText(plainText(tr("%1 · %2 · %3 parameters · %4 blocks · %5 linears · %6 on disk")
                             .arg(toQString(model.format), toQString(model.config.architecture), countText(model.parameters))
                             .arg(model.config.blocks).arg(model.linears.size()).arg(formatBytes(model.bytes))));
    } else {
        m_name->setText({});
        m_facts->setText({});
    }
    const QString coarse = m_document.isOpen() ? coarseGridWarning(m_document.model()) : QString();
    m_coarse->setText(coarse);
    m_coarse->setVisible(!coarse.isEmpty());
    m_hint->setText(!m_document.isOpen() ? tr("No model is open.") : tr("Select a linear in Layers, or a cell of a map, to see what is known of it."));
    m_hint->setVisible(!linear && !site);
    if (m_targets.isEmpty() && linear)
        m_targets = QStringList{toQString(linear->name)};
    // A block's row selects no linear: the first of its linears is looked at, all are edited.
    m_whatIf->setTargets(linear ? linear->name : m_targets.isEmpty() ? std::string() : m_targets.front().toStdString(), m_targets);
    refreshSite();
    refreshWeights(linear);
    refreshResult(linear);
}

void Inspector::refreshSite()
{
    const Selection& selection = m_document.selection();
    const SiteStatistics* site = selection.block >= 0 && selection.site ? m_document.statistics(selection.block, *selection.site) : nullptr;
    if (!site) {
        fill(m_site, {});
        fill(m_kernel, {});
        return;
    }
    std::vector<QStringList> rows{{tr("Site"), toQString(label(site->site.kind))},
                                  {tr("Tokens"), countText(site->tokens)},
                                  {tr("Channels"), QString::number(site->site.channels)},
                                  {tr("Absmax"), formatValue(site->absmax())},
                                  {tr("Median channel absmax"), formatValue(site->medianChannelAbsmax())},
                                  {tr("Outlier ratio"), formatValue(site->outlierRatio()) + u" ×"_s},
                                  {tr("Outlier channel"), QString::number(site->outlierChannel())},
                                  {tr("Channels ≥ 10 × median"), QString::number(site->outlierChannels().size())}};
    if (site->absQuantiles.size() == kQuantiles.size()) {
        rows.push_back({tr("|x| at 50 %"), formatValue(site->absQuantiles[2])});
        rows.push_back({tr("|x| at 99 %"), formatValue(site->absQuantiles[4])});
        rows.push_back({tr("|x| at 99.99 %"), formatValue(site->absQuantiles[6])});
    }
    if (selection.channel >= 0 && selection.channels > 1 && selection.channel < static_cast<std::int64_t>(site->channelAbsmax.size())) {
        const auto first = site->channelAbsmax.begin() + selection.channel;
        const auto last = first + std::min<std::int64_t>(selection.channels, site->channelAbsmax.end() - first);
        const QString range = u"%1–%2"_s.arg(selection.channel).arg(selection.channel + (last - first) - 1);
        rows.push_back({tr("Channels %1 absmax").arg(range), formatValue(*std::max_element(first, last))});
        rows.push_back({tr("Smallest of them"), formatValue(*std::min_element(first, last))});
    } else if (selection.channel >= 0 && selection.channel < static_cast<std::int64_t>(site->channelAbsmax.size())) {
        const auto channel = static_cast<std::size_t>(selection.channel);
        rows.push_back({tr("Channel %1 absmax").arg(selection.channel), formatValue(site->channelAbsmax[channel])});
        if (channel < site->channelMean.size())
            rows.push_back({tr("Channel %1 mean").arg(selection.channel), formatValue(site->channelMean[channel])});
        if (channel < site->channelKurtosis.size())
            rows.push_back({tr("Channel %1 kurtosis").arg(selection.channel), formatValue(site->channelKurtosis[channel])});
    }
    if (site->notFinite > 0)
        rows.push_back({tr("Not finite"), countText(site->notFinite)});
    fill(m_site, rows);

    m_kernel.title->setText(tr("Rounded to zero, %1 bits").arg(m_document.analysis().settings.bits));
    std::vector<QStringList> shares{{tr("grid"), tr("kernel"), tr("lost"), tr("clipped")}};
    for (int scheme = 0; scheme < kKernelSchemes; ++scheme)
        shares.push_back({tr(kSchemeNames[static_cast<std::size_t>(scheme)]), formatShare(site->kernelShare(scheme)), formatShare(site->lostShare(scheme)),
                          formatShare(site->clippedShare(scheme))});
    fill(m_kernel, shares);
}

void Inspector::refreshWeights(const LinearInfo* linear)
{
    const auto& all = m_document.analysis().weights;
    const auto found = linear ? std::find_if(all.begin(), all.end(), [&](const WeightStatistics& each) { return each.linear == linear->name; }) : all.end();
    if (found == all.end()) {
        fill(m_weights, {});
        return;
    }
    std::vector<QStringList> rows{{tr("Absmax"), formatValue(found->absmax)},
                                  {tr("Standard deviation"), formatValue(found->deviation)},
                                  {tr("Kurtosis"), formatValue(found->kurtosis)},
                                  {tr("Exact zeros"), countText(found->zeros)}};
    if (found->notFinite > 0)
        rows.push_back({tr("Not finite"), countText(found->notFinite)});
    fill(m_weights, rows);
}

void Inspector::refreshResult(const LinearInfo* linear)
{
    const LinearResult* result = linear ? m_document.result(linear->name) : nullptr;
    if (!result) {
        fill(m_result, {});
        return;
    }
    const auto ran = std::find_if(m_document.runPlans().begin(), m_document.runPlans().end(), [&](const ResolvedPlan& plan) { return plan.linear == linear->name; });
    const Plan* now = m_document.plan(linear->name);
    m_result.title->setText(now && ran != m_document.runPlans().end() && !(ran->plan == *now) ? tr("Last run, of another plan") : tr("Last run"));
    const MethodInfo* method = findMethod(MethodKind::Rounding, result->method);
    std::vector<QStringList> rows{{tr("Method applied"), method ? toQString(method->name) : toQString(result->method)},
                                  {tr("Grid"), shortGridText(result->weights, result->activations)}};
    if (result->weights.quantized()) {
        rows.push_back({tr("Weight SQNR"), formatValue(result->weightSqnrDb) + u" dB"_s});
        rows.push_back({tr("Output error (MSE)"), formatValue(result->outputMse)});
    }
    if (result->damping > 0)
        rows.push_back({tr("Damping"), formatValue(result->damping)});
    rows.push_back({tr("Time"), formatValue(result->seconds, 3) + u" s"_s});
    for (const std::string& note : result->notes)
        rows.push_back({toQString(note)});
    fill(m_result, rows);
}

} // namespace halftone
