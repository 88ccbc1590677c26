#include "app/studio/study_panel.h"

#include "app/studio/text.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/column_fitter.h"
#include "widgets/empty_state.h"
#include "widgets/jobs_view.h"
#include "widgets/kernel_perplexity_view.h"
#include "widgets/number_box.h"
#include "widgets/study_model.h"
#include "widgets/study_view.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QScrollBar>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

StudyPanel::StudyPanel(QWidget* parent)
    : QWidget(parent)
{
    setObjectName(u"studyPanel"_s);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(12, 8, 12, 8);
    layout->setSpacing(8);

    auto* head = new QHBoxLayout;
    head->setSpacing(8);
    auto* title = new QLabel(tr("Study"), this);
    QFont bold = title->font();
    bold.setBold(true);
    title->setFont(bold);
    m_studies = new QComboBox(this);
    m_studies->setObjectName(u"studyChoice"_s);
    m_studies->setAccessibleName(tr("Study"));
    m_studies->setToolTip(tr("The studies of this project"));
    m_studies->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_studies->setMinimumContentsLength(16);
    m_summary = new QLabel(this);
    m_summary->setObjectName(u"studySummary"_s);
    m_summary->setMinimumWidth(40);
    m_summary->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    auto* resume = new QPushButton(tr("&Go on"), this);
    resume->setObjectName(u"studyResume"_s);
    resume->setToolTip(tr("Measure the settings that are still waiting"));
    resume->setAutoDefault(false);
    m_resume = resume;
    const auto limit = [this](const QString& name, const QString& accessible) {
        auto* box = new DecimalBox(this, 0.1);
        box->setObjectName(name);
        box->setAccessibleName(accessible);
        box->setToolTip(accessible);
        box->setDecimals(3);
        box->setRange(0, 1000);
        box->setPrefix(u"≤ +"_s);
        box->setKeyboardTracking(false);
        connect(box, &QDoubleSpinBox::valueChanged, this, &StudyPanel::limitsEdited);
        return box;
    };
    m_first = limit(u"classLimit1"_s, tr("Largest degradation of perplexity of Class-1"));
    m_second = limit(u"classLimit2"_s, tr("Largest degradation of perplexity of Class-2"));
    auto* firstName = new QLabel(tr("Class-&1"), this);
    firstName->setBuddy(m_first);
    auto* secondName = new QLabel(tr("Class-&2"), this);
    secondName->setBuddy(m_second);
    auto* fresh = new QPushButton(tr("&New study…"), this);
    fresh->setObjectName(u"studyNew"_s);
    fresh->setToolTip(tr("Choose methods, bits, groups and activation grids"));
    fresh->setAutoDefault(false);
    for (QWidget* widget : {static_cast<QWidget*>(title), static_cast<QWidget*>(m_studies)})
        head->addWidget(widget);
    head->addWidget(m_summary, 1);
    for (QWidget* widget : {m_resume, static_cast<QWidget*>(firstName), static_cast<QWidget*>(m_first), static_cast<QWidget*>(secondName), static_cast<QWidget*>(m_second),
                            static_cast<QWidget*>(fresh)})
        head->addWidget(widget);

    m_model = new StudyModel(this);
    m_sorted = new QSortFilterProxyModel(this);
    m_sorted->setSourceModel(m_model);
    m_sorted->setSortRole(StudyModel::kSortRole);
    m_table = new QTableView(this);
    m_table->setObjectName(u"studyTable"_s);
    m_table->setAccessibleName(tr("Settings of the study"));
    m_table->setModel(m_sorted);
    m_table->setItemDelegateForColumn(StudyModel::Class, new ClassDelegate(m_table));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(StudyModel::Setting, Qt::AscendingOrder);
    m_table->setTextElideMode(Qt::ElideMiddle);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(24);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->setFrameShape(QFrame::NoFrame);
    m_table->setMinimumHeight(90);
    m_table->setTabKeyNavigation(false);
    auto* fitter = new ColumnFitter(m_table, StudyModel::Setting, 150, {StudyModel::Run, StudyModel::Clipped, StudyModel::Lost, StudyModel::Kernel}, [](const QString& text) { return text == formatShare(0); });
    fitter->setLast({StudyModel::Run, StudyModel::Time, StudyModel::Clipped, StudyModel::Lost, StudyModel::Size});

    m_stack = new QStackedLayout;
    m_empty = new EmptyState(this);
    m_empty->setObjectName(u"studyEmpty"_s);
    m_stack->addWidget(m_empty);
    auto* filled = new QWidget(this);
    auto* column = new QVBoxLayout(filled);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(8);
    column->addLayout(head);
    auto* parts = new QSplitter(Qt::Vertical, filled);
    parts->setChildrenCollapsible(false);
    parts->addWidget(m_table);
    auto* plots = new QSplitter(Qt::Horizontal, parts);
    plots->setChildrenCollapsible(false);
    m_plot = new StudyView(plots);
    m_kernel = new KernelPerplexityView(plots);
    plots->addWidget(m_plot);
    plots->addWidget(m_kernel);
    plots->setSizes({560, 540});
    parts->addWidget(plots);
    parts->setStretchFactor(0, 1);
    parts->setStretchFactor(1, 1);
    parts->setSizes({280, 320});
    column->addWidget(parts, 1);
    m_stack->addWidget(filled);
    layout->addLayout(m_stack, 1);

    buildActions();
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &StudyPanel::showChosen);
    connect(m_table->horizontalHeader(), &QHeaderView::sortIndicatorChanged, this, &StudyPanel::followSort);
    connect(m_plot, &StudyView::memberChosen, this, &StudyPanel::choose);
    connect(m_kernel, &KernelPerplexityView::memberChosen, this, &StudyPanel::choose);
    connect(fresh, &QPushButton::clicked, this, &StudyPanel::studyRequested);
    connect(resume, &QPushButton::clicked, this, &StudyPanel::resumeRequested);
    connect(m_empty, &EmptyState::clicked, this, &StudyPanel::studyRequested);
    connect(m_studies, &QComboBox::activated, this, [this] { Q_EMIT shown(m_studies->currentData().toString()); });
}

void StudyPanel::buildActions()
{
    const auto add = [this](const QString& text, const QString& name, const QString& tip, const auto& work) {
        auto* action = new QAction(text, m_table);
        action->setObjectName(name);
        describeAction(*action, tip);
        m_table->addAction(action);
        connect(action, &QAction::triggered, this, [this, work] {
            if (const int member = chosenMember(); member >= 0)
                work(m_model->result().members[static_cast<std::size_t>(member)]);
        });
        return action;
    };
    QAction* use = add(tr("&Use this recipe"), u"studyUseRecipe"_s, tr("Edit the recipe of this setting; one undo step"),
                       [this](const StudyMemberResult& member) { Q_EMIT recipeRequested(member.recipe, toQString(member.name)); });
    connect(m_table, &QTableView::activated, use, &QAction::trigger);   // Enter, or a double click
    add(tr("&Show its run"), u"studyShowRun"_s, tr("Go to the run that quantized this setting, where there is one"), [this](const StudyMemberResult& member) {
        if (!member.run.empty())
            Q_EMIT runRequested(toQString(member.run));
    });
    QAction* copy = add(tr("&Copy row"), u"studyCopy"_s, tr("Copy the figures of this row as text"), [this](const StudyMemberResult&) {
        QStringList cells;
        for (int column = 0; column < StudyModel::Columns; ++column)
            cells.append(m_sorted->index(m_table->currentIndex().row(), column).data().toString());
        QApplication::clipboard()->setText(cells.join(u'\t'));
    });
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
    updateActions();
}

void StudyPanel::updateActions()
{
    for (QAction* action : m_table->actions())
        setActionEnabled(*action, chosenMember() >= 0, m_open ? tr("Choose a setting of a study first.") : tr("Open a model first."));
}

void StudyPanel::showEmpty(bool documentOpen)
{
    m_open = documentOpen;
    updateActions();
    m_empty->setTexts(documentOpen ? tr("No study yet. A study measures many settings as one job, classes each by what it costs, and plots perplexity against the kernel.")
                                   : tr("Open a model first."),
                      documentOpen ? tr("New study…") : QString());
    m_stack->setCurrentIndex(0);
}

void StudyPanel::clear(bool documentOpen)
{
    m_infos.clear();
    m_studies->clear();
    m_model->setResult({});
    m_plot->setResult({}, m_model->limits());
    m_kernel->setResult({});
    showEmpty(documentOpen);
}

void StudyPanel::setStudies(const std::vector<StudyInfo>& studies, bool documentOpen)
{
    m_infos = studies;
    m_open = documentOpen;
    updateActions();
    const QString current = shownStudy();
    const QSignalBlocker quiet(m_studies);
    m_studies->clear();
    for (auto info = studies.rbegin(); info != studies.rend(); ++info) {
        const QString id = toQString(info->id);
        m_studies->addItem(info->name.empty() ? id : u"%1 · %2"_s.arg(toQString(info->name), id), id);
    }
    m_studies->setCurrentIndex(std::max(0, m_studies->findData(current)));
    if (studies.empty())
        showEmpty(documentOpen);
}

QString StudyPanel::shownStudy() const { return toQString(m_model->result().id); }

void StudyPanel::setResult(const StudyResult& result)
{
    const bool another = toQString(result.id) != shownStudy();
    const int chosen = another ? -1 : chosenMember();
    if (another) {
        const QSignalBlocker first(m_first), second(m_second);
        m_model->setLimits(result.study.limits);
        m_first->setValue(result.study.limits.first);
        m_second->setValue(result.study.limits.second);
    }
    m_model->setResult(result);
    if (m_studies->findData(toQString(result.id)) < 0)
        m_studies->insertItem(0, result.study.name.empty() ? toQString(result.id) : u"%1 · %2"_s.arg(toQString(result.study.name), toQString(result.id)), toQString(result.id));
    m_studies->setCurrentIndex(m_studies->findData(toQString(result.id)));
    m_plot->setResult(result, m_model->limits());
    m_kernel->setResult(result);
    followSort();
    int done = 0, possible = 0;
    for (const StudyMemberResult& member : result.members) {
        done += member.state == StudyMemberResult::State::Done;
        possible += member.state != StudyMemberResult::State::Impossible;
    }
    m_summary->setText(done < possible ? tr("float %1 · %2 of %3 settings").arg(formatValue(floatPerplexity(result), 5)).arg(done).arg(possible)
                                       : tr("float %1 · %2 · %3").arg(formatValue(floatPerplexity(result), 5), done == 1 ? tr("1 setting") : tr("%1 settings").arg(done), formatDuration(result.seconds)));
    m_summary->setToolTip(tr("Perplexity of the float model. Walks of the float model over a text, for the whole study: %1").arg(result.floatWalks));
    m_resume->setVisible(done < possible);
    const int rows = m_model->rowCount() * m_table->verticalHeader()->defaultSectionSize();   // no higher than these: the plots have the rest
    m_table->setMaximumHeight(std::max(m_table->minimumHeight(), rows + m_table->horizontalHeader()->sizeHint().height() + m_table->horizontalScrollBar()->sizeHint().height() + 8));
    m_stack->setCurrentIndex(1);
    if (chosen >= 0)
        choose(chosen);
    updateActions();
}

int StudyPanel::chosenMember() const
{
    const QModelIndex current = m_sorted->mapToSource(m_table->currentIndex());
    return current.isValid() ? current.row() : -1;
}

void StudyPanel::choose(int member)
{
    const QModelIndex row = m_sorted->mapFromSource(m_model->index(member, 0));
    if (row.isValid() && row.row() != m_table->currentIndex().row())
        m_table->selectRow(row.row());
    m_table->scrollTo(row);
}

void StudyPanel::showChosen()
{
    updateActions();
    m_plot->setChosen(chosenMember());
    m_kernel->setChosen(chosenMember());
}

/// The plot has the table's order.
void StudyPanel::followSort()
{
    std::vector<int> order;
    for (int row = 0; row < m_sorted->rowCount(); ++row)
        order.push_back(m_sorted->mapToSource(m_sorted->index(row, 0)).row());
    m_plot->setOrder(std::move(order));
}

void StudyPanel::limitsEdited()
{
    if (m_second->value() < m_first->value()) {   // the other one gives way
        QDoubleSpinBox* other = sender() == m_second ? m_first : m_second;
        const QSignalBlocker quiet(other);
        other->setValue(sender() == m_second ? m_second->value() : m_first->value());
    }
    m_model->setLimits({m_first->value(), m_second->value()});
    m_plot->setResult(m_model->result(), m_model->limits());
    followSort();
}

} // namespace halftone
