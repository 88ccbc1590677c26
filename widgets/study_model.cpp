#include "widgets/study_model.h"

#include "widgets/colour_map.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"
#include "widgets/plot_style.h"

#include <QApplication>
#include <QPainter>

#include <array>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

using State = StudyMemberResult::State;

QString toText(const std::string& value)
{
    return QString::fromUtf8(value.data(), static_cast<qsizetype>(value.size()));
}

QString signedValue(double value, int digits)
{
    const QString size = formatValue(std::abs(value), digits);
    return value > 0 ? u"▲ +"_s + size : value < 0 ? u"▼ −"_s + size : size;
}

} // namespace

void StudyModel::setResult(const StudyResult& result)
{
    const bool grows = result.id == m_result.id && result.members.size() == m_result.members.size() && !m_result.members.empty();
    if (grows) {
        m_result = result;
        refreshFigures();
        return;
    }
    beginResetModel();
    m_result = result;
    m_figures.clear();
    for (const StudyMemberResult& member : m_result.members)
        m_figures.push_back(figuresOf(m_result, member, m_limits));
    endResetModel();
}

void StudyModel::setLimits(const ClassLimits& limits)
{
    m_limits = limits;
    refreshFigures();
}

void StudyModel::refreshFigures()
{
    for (std::size_t i = 0; i < m_figures.size(); ++i)
        m_figures[i] = figuresOf(m_result, m_result.members[i], m_limits);
    if (!m_figures.empty())
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, Columns - 1));
}

int StudyModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_figures.size());
}

int StudyModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : Columns;
}

QString StudyModel::text(int row, Column column) const
{
    const StudyMemberResult& member = m_result.members[static_cast<std::size_t>(row)];
    const StudyFigures& f = figures(row);
    const QString none = u"–"_s;
    const auto value = [&](double x, int digits) { return std::isnan(x) ? none : formatValue(x, digits); };
    const auto share = [&](double x) { return std::isnan(x) ? none : formatShare(x); };
    switch (column) {
    case Setting: return toText(member.name);
    case Class:
        if (member.state == State::Impossible)
            return tr("impossible");
        return f.sensitivity > 0 ? classLook(f.sensitivity).text : tr("waiting");
    case Perplexity: return value(f.perplexity, 5);
    case Degradation: return std::isnan(f.degradation) ? none : signedValue(f.degradation, 3);
    case Ratio: return value(f.ratio, 4);
    case KlMean: return std::isnan(f.klMean) ? none : formatWithError(f.klMean, f.klError);
    case Kernel: return share(f.kernel);
    case Lost: return share(f.lost);
    case Clipped: return share(f.clipped);
    case Bits: return member.state == State::Impossible ? none : formatValue(member.bitsPerWeight, 3);
    case Size: return member.state == State::Impossible ? none : formatBytes(member.bytes);
    case Time: return member.state == State::Done ? (member.seconds < 10 ? tr("%1 s").arg(formatValue(member.seconds, 2)) : formatDuration(member.seconds)) : none;
    case Run: return member.run.empty() ? none : toText(member.run);
    case Columns: break;
    }
    return {};
}

QString StudyModel::tip(int row, Column column) const
{
    const StudyMemberResult& member = m_result.members[static_cast<std::size_t>(row)];
    if (member.state == State::Impossible)
        return toText(member.reason);
    if (column == Setting)
        return toText(member.name) + u'\n' + (member.run.empty() ? tr("evaluated on the fly, without a run") : tr("quantized by %1").arg(toText(member.run)));
    if ((column == Perplexity || column == Degradation || column == Class) && member.texts.size() == m_result.floatTexts.size()) {
        QStringList lines;
        for (std::size_t t = 0; t < member.texts.size(); ++t) {
            const double own = member.texts[t].perplexity.perplexity, reference = m_result.floatTexts[t].perplexity.perplexity;
            lines << tr("%1: %2, float %3, %4").arg(toText(m_result.study.texts[t].name), formatWithError(own, member.texts[t].perplexity.standardError),
                                                         formatValue(reference, 5), signedValue(own - reference, 3));
        }
        return lines.join(u'\n');
    }
    return {};
}

QVariant StudyModel::sortValue(int row, Column column) const
{
    const StudyMemberResult& member = m_result.members[static_cast<std::size_t>(row)];
    const StudyFigures& f = figures(row);
    const auto last = [](double x) { return std::isnan(x) ? std::numeric_limits<double>::infinity() : x; };
    switch (column) {
    case Setting: return row;   // the order of the study
    case Class: return f.sensitivity > 0 ? f.sensitivity : member.state == State::Impossible ? 5 : 4;
    case Perplexity: return last(f.perplexity);
    case Degradation: return last(f.degradation);
    case Ratio: return last(f.ratio);
    case KlMean: return last(f.klMean);
    case Kernel: return last(f.kernel);
    case Lost: return last(f.lost);
    case Clipped: return last(f.clipped);
    case Bits: return member.bitsPerWeight;
    case Size: return static_cast<double>(member.bytes);
    case Time: return member.seconds;
    case Run: return toText(member.run);
    case Columns: break;
    }
    return {};
}

QVariant StudyModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const auto column = static_cast<Column>(index.column());
    const bool left = column == Setting || column == Run;
    switch (role) {
    case Qt::DisplayRole: return plainText(text(index.row(), column));
    case Qt::DecorationRole: {
        const std::string& run = m_result.members[static_cast<std::size_t>(index.row())].run;
        return column == Setting && !run.empty() ? QVariant(runMark(toText(run), qApp->devicePixelRatio())) : QVariant();
    }
    case Qt::ToolTipRole: return plainTip(tip(index.row(), column));
    case kSortRole: return sortValue(index.row(), column);
    case kClassRole: return column == Class ? QVariant(figures(index.row()).sensitivity) : QVariant();
    case Qt::TextAlignmentRole: return int(Qt::AlignVCenter | (left ? Qt::AlignLeft : column == Class ? Qt::AlignHCenter : Qt::AlignRight));
    case Qt::FontRole: return left || column == Class ? QVariant() : QVariant(tabularFont(QApplication::font()));
    case Qt::ForegroundRole: {
        const double d = figures(index.row()).degradation;
        if (column == Degradation && d != 0 && !std::isnan(d))
            return d > 0 ? colours().bad : colours().good;
        return m_result.members[static_cast<std::size_t>(index.row())].state == State::Done ? QVariant() : QVariant(colours().faint);
    }
    default: return {};
    }
}

QVariant StudyModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= Columns)
        return {};
    static constexpr std::array<const char*, Columns> kTitles{QT_TR_NOOP("Setting"), QT_TR_NOOP("Class"), QT_TR_NOOP("Perplexity"), QT_TR_NOOP("Degradation"), QT_TR_NOOP("Ratio"),
        QT_TR_NOOP("KL mean"), QT_TR_NOOP("Kernel"), QT_TR_NOOP("Lost"), QT_TR_NOOP("Clipped"), QT_TR_NOOP("Bits / weight"), QT_TR_NOOP("Size"), QT_TR_NOOP("Time"), QT_TR_NOOP("Run")};
    static constexpr std::array<const char*, Columns> kTips{QT_TR_NOOP("Method, weight grid, activation grid; W16 and A16 are float"),
        QT_TR_NOOP("By the degradation of perplexity, after ZeroQuant-V2; the limits stand above the table"), QT_TR_NOOP("Mean over the study's texts"),
        QT_TR_NOOP("Perplexity − the float model's, mean over the texts; less is better"), QT_TR_NOOP("Perplexity / the float model's"),
        QT_TR_NOOP("KL(float ‖ this), nats a token, ± standard error"), QT_TR_NOOP("Share of all elements that the activation grids rounded to zero while it was evaluated"),
        QT_TR_NOOP("The same without those that were zero already"), QT_TR_NOOP("Share of elements beyond the grid's largest code"),
        QT_TR_NOOP("Scales and zero points included; linears of the blocks only"), QT_TR_NOOP("Of a compressed-tensors export"),
        QT_TR_NOOP("Its own work, and its part of what was done for several settings together"), QT_TR_NOOP("The project's run that quantized it; – : on the fly")};
    if (role == Qt::DisplayRole)
        return tr(kTitles[static_cast<std::size_t>(section)]);
    if (role == Qt::ToolTipRole)
        return tr(kTips[static_cast<std::size_t>(section)]);
    if (role == Qt::TextAlignmentRole)
        return int(Qt::AlignVCenter | (section == Setting || section == Run ? Qt::AlignLeft : section == Class ? Qt::AlignHCenter : Qt::AlignRight));
    return {};
}

QString studySubtitle(const StudyResult& result, bool name)
{
    QStringList parts;
    if (name && !result.study.name.empty())
        parts << toText(result.study.name);
    QStringList texts;
    for (const StudyText& text : result.study.texts)
        texts << toText(text.name);
    if (!texts.isEmpty())
        parts << texts.join(u", "_s);
    if (!result.floatTexts.empty())
        parts << StudyModel::tr("%1 × %2").arg(result.floatTexts.front().perplexity.windows).arg(result.floatTexts.front().perplexity.length);
    return parts.join(u" · "_s);
}

ClassLook classLook(int sensitivity)
{
    const Colours& c = colours();
    switch (sensitivity) {
    case 1: return {c.good, StudyModel::tr("Class-1")};
    case 2: return {c.warning, StudyModel::tr("Class-2")};
    case 3: return {c.bad, StudyModel::tr("Class-3")};
    default: return {c.faint, {}};
    }
}

void ClassDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    const int sensitivity = index.data(StudyModel::kClassRole).toInt();
    if (sensitivity == 0) {
        QStyledItemDelegate::paint(painter, option, index);
        return;
    }
    QStyleOptionViewItem ground = option;
    initStyleOption(&ground, index);
    ground.text.clear();
    const QWidget* widget = option.widget;
    (widget ? widget->style() : QApplication::style())->drawControl(QStyle::CE_ItemViewItem, &ground, painter, widget);
    const ClassLook look = classLook(sensitivity);
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const QFont font = tabularFont(option.font, sensitivity == 3, 0.5);
    const QFontMetrics metrics(font);
    QRectF badge(0, 0, metrics.horizontalAdvance(look.text) + 14, std::min(option.rect.height() - 4, metrics.height() + 2));
    badge.moveCenter(QRectF(option.rect).center());
    // Outline, tint and ground grow with the class, so that they differ without colour.
    QColor fill = look.colour;
    fill.setAlphaF(sensitivity == 1 ? 0 : sensitivity == 2 ? 0.12F : 0.26F);
    painter->setBrush(fill);
    painter->setPen(QPen(look.colour, 1, sensitivity == 1 ? Qt::SolidLine : sensitivity == 2 ? Qt::DashLine : Qt::SolidLine));
    painter->drawRoundedRect(badge.adjusted(0.5, 0.5, -0.5, -0.5), badge.height() / 2, badge.height() / 2);
    painter->setPen(look.colour);
    painter->setFont(font);
    painter->drawText(badge, Qt::AlignCenter, look.text);
    painter->restore();
}

QSize ClassDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    QSize size = QStyledItemDelegate::sizeHint(option, index);
    size.rwidth() = std::max(size.width(), QFontMetrics(option.font).horizontalAdvance(classLook(3).text) + 24);
    return size;
}

} // namespace halftone
