#include "widgets/run_model.h"

#include "core/methods/method.h"
#include "widgets/colour_map.h"
#include "widgets/jobs_view.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QApplication>

#include <array>
#include <string>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

QString text(const std::string& value)
{
    return QString::fromUtf8(value.data(), static_cast<qsizetype>(value.size()));
}

QString bitsText(const WeightGrid& grid)
{
    return grid.quantized() ? QString::number(grid.bits) : u"–"_s;
}

QString activationsText(const ActivationGrid& grid)
{
    if (!grid.quantized())
        return u"–"_s;
    const std::string_view scheme = name(grid.scheme);
    return u"%1 %2"_s.arg(grid.bits).arg(QString::fromUtf8(scheme.data(), static_cast<qsizetype>(scheme.size())).replace(u'_', u' '));
}

} // namespace

void RunModel::append(std::vector<Row>& rows, const BlockResult& block)
{
    for (const LinearResult& linear : block.linears) {
        Row row{linear, block.block, {}};
        for (const BlockFlag& flag : block.flags)
            if (flag.subject == linear.linear)
                row.flags.push_back(flag.sentence);
        rows.push_back(std::move(row));
    }
}

void RunModel::setResults(const std::vector<BlockResult>& results)
{
    beginResetModel();
    m_rows.clear();
    for (const BlockResult& block : results)
        append(m_rows, block);
    endResetModel();
}

void RunModel::addBlock(const BlockResult& block)
{
    if (block.linears.empty())
        return;
    const int first = static_cast<int>(m_rows.size());
    beginInsertRows({}, first, first + static_cast<int>(block.linears.size()) - 1);
    append(m_rows, block);
    endInsertRows();
}

int RunModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int RunModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : Columns;
}

QString RunModel::text(const Row& row, Column column) const
{
    const LinearResult& result = row.result;
    const bool rounded = result.weights.quantized();
    const QString none = u"–"_s;
    switch (column) {
    case Linear: return halftone::text(result.linear);
    case Method: return result.method == "none" ? tr("not quantized") : halftone::text(methodLabel(MethodKind::Rounding, result.method));
    case Bits: return bitsText(result.weights);
    case Group: return !rounded ? none : result.weights.perTensor ? tr("tensor") : result.weights.group > 0 ? QString::number(result.weights.group) : tr("channel");
    case Activations: return activationsText(result.activations);
    case Sqnr: return !rounded ? none : result.weightSqnrDb >= 999 ? tr("exact") : formatValue(result.weightSqnrDb, 3);
    case OutputMse: return rounded ? formatValue(result.outputMse, 3) : none;
    case Saturated: return rounded ? formatShare(result.saturated) : none;
    case Damping: return result.damping > 0 ? formatValue(result.damping, 2) : none;
    case Time: return result.seconds < 10 ? u"%1 s"_s.arg(formatValue(result.seconds, 2)) : formatDuration(result.seconds);
    case Memory: return result.peakBytes > 0 ? formatBytes(result.peakBytes) : none;
    case Remarks: {
        QStringList remarks;
        for (const std::string& flag : row.flags)
            remarks << u"⚑ "_s + halftone::text(flag);
        for (const std::string& note : result.notes)
            remarks << halftone::text(note);
        return remarks.join(u" · "_s);
    }
    case Columns: break;
    }
    return {};
}

QVariant RunModel::sortValue(const Row& row, Column column) const
{
    const LinearResult& result = row.result;
    switch (column) {
    case Linear: return static_cast<int>(&row - m_rows.data());   // as it was done
    case Bits: return result.weights.bits;
    case Group: return result.weights.group;
    case Sqnr: return result.weightSqnrDb;
    case OutputMse: return result.outputMse;
    case Saturated: return result.saturated;
    case Damping: return result.damping;
    case Time: return result.seconds;
    case Memory: return static_cast<qulonglong>(result.peakBytes);
    default: return text(row, column);
    }
}

QVariant RunModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const Row& row = m_rows[static_cast<std::size_t>(index.row())];
    const auto column = static_cast<Column>(index.column());
    const bool words = column == Linear || column == Method || column == Remarks || column == Activations;
    switch (role) {
    case Qt::DisplayRole: return plainText(text(row, column));
    case kSortRole: return sortValue(row, column);
    case kBlockRole: return row.block;
    case Qt::ToolTipRole:
        if (column == Remarks)
            return plainTip(text(row, column));
        if (const QString remarks = text(row, Remarks); column == Linear)   // in a narrow window they have no column
            return plainTip(remarks.isEmpty() ? text(row, column) : text(row, column) + u'\n' + remarks);
        return {};
    case Qt::TextAlignmentRole: return int(Qt::AlignVCenter | (words ? Qt::AlignLeft : Qt::AlignRight));
    case Qt::FontRole: return words ? QVariant() : QVariant(tabularFont(QApplication::font()));
    case Qt::ForegroundRole:
        if (!row.flags.empty() && (column == Remarks || column == Linear))
            return colours().warning;
        if (column == Remarks || row.result.method == "none")
            return colours().faint;
        return {};
    default: return {};
    }
}

QVariant RunModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= Columns)
        return {};
    static constexpr std::array<const char*, Columns> kTitles{QT_TR_NOOP("Linear"), QT_TR_NOOP("Method"), QT_TR_NOOP("W bits"), QT_TR_NOOP("Group"), QT_TR_NOOP("Activations"),
        QT_TR_NOOP("SQNR dB"), QT_TR_NOOP("Output MSE"), QT_TR_NOOP("At ends"), QT_TR_NOOP("Damping"), QT_TR_NOOP("Time"), QT_TR_NOOP("Memory"), QT_TR_NOOP("Remarks")};
    static constexpr std::array<const char*, Columns> kTips{QT_TR_NOOP("In the order they were done"), QT_TR_NOOP("The rounding that was really applied"), "", "", QT_TR_NOOP("Grid of the input"),
        QT_TR_NOOP("10 log₁₀(Σw² / Σ(w − ŵ)²): more is better"), QT_TR_NOOP("Mean (xŵᵀ − xwᵀ)² over the calibration tokens: less is better"),
        QT_TR_NOOP("Share of the codes that lie at an end of the grid"), QT_TR_NOOP("Share of the mean diagonal added to the Hessian (GPTQ)"), "",
        QT_TR_NOOP("Most that Halftone held in memory while it was rounded"), QT_TR_NOOP("Flags of the sentinels, and notes")};
    switch (role) {
    case Qt::DisplayRole: return tr(kTitles[static_cast<std::size_t>(section)]);
    case Qt::ToolTipRole: return tr(kTips[static_cast<std::size_t>(section)]);
    case Qt::TextAlignmentRole: {
        const bool words = section == Linear || section == Method || section == Remarks || section == Activations;
        return int(Qt::AlignVCenter | (words ? Qt::AlignLeft : Qt::AlignRight));
    }
    default: return {};
    }
}

} // namespace halftone
