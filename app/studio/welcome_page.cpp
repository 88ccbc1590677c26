#include "app/studio/welcome_page.h"

#include "widgets/elided_label.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

QLabel* heading(const QString& text, double points, QWidget* parent)
{
    auto* label = new QLabel(text, parent);
    QFont font = label->font();
    font.setBold(true);
    font.setPointSizeF(font.pointSizeF() + points);
    label->setFont(font);
    return label;
}

} // namespace

WelcomePage::WelcomePage(QWidget* parent)
    : QWidget(parent)
{
    setObjectName(u"welcome"_s);
    auto* outer = new QHBoxLayout(this);
    auto* column = new QWidget(this);
    column->setMaximumWidth(720);   // no fixed width: this page shares a stack with the views, and would hold them apart
    outer->addStretch(1);
    outer->addWidget(column, 1000);
    outer->addStretch(1);
    auto* layout = new QVBoxLayout(column);
    layout->setContentsMargins(24, 24, 24, 24);
    layout->setSpacing(8);
    layout->addStretch(2);

    auto* head = new QHBoxLayout;
    head->setSpacing(16);
    auto* mark = new QLabel(column);
    mark->setPixmap(applicationIcon().pixmap(56, 56));
    head->addWidget(mark);
    auto* names = new QVBoxLayout;
    names->setSpacing(2);
    names->addWidget(heading(tr("Halftone"), 10, column));
    auto* motto = new QLabel(tr("See what quantization throws away, decide layer by layer, take home a checkpoint that loads."), column);
    motto->setWordWrap(true);
    names->addWidget(motto);
    head->addLayout(names, 1);
    layout->addLayout(head);
    layout->addSpacing(24);
    buildTourCard(layout);

    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    const auto button = [&](const QString& name, const QString& text, const QString& tip, const QString& iconName, auto signal) {
        auto* push = new QPushButton(icon(iconName), text, column);
        push->setObjectName(name);
        push->setToolTip(tip);
        push->setMinimumHeight(36);
        push->setAutoDefault(true);   // Return presses it
        connect(push, &QPushButton::clicked, this, signal);
        buttons->addWidget(push);
        return push;
    };
    m_sample = button(u"welcomeSample"_s, tr("Open the &sample model"), tr("SmolLM2-135M-Instruct, the small model that the set-up installs"), u"welcome"_s,
                      &WelcomePage::sampleRequested);
    m_sample->setDefault(true);
    button(u"welcomeOpen"_s, tr("&Open a model…"), tr("A Hugging Face folder, a GGUF file, or a NAME.halftone project"), u"folder"_s, &WelcomePage::openRequested);
    layout->addLayout(buttons);
    m_opening = new QLabel(column);
    m_opening->setObjectName(u"welcomeOpening"_s);
    m_opening->setTextFormat(Qt::PlainText);
    m_opening->hide();
    layout->addWidget(m_opening);
    auto* drop = new QLabel(tr("or drop a model folder, a GGUF file, a project or a recipe anywhere on this window"), column);
    drop->setWordWrap(true);
    layout->addWidget(drop);
    layout->addSpacing(24);

    m_recentBox = new QWidget(column);
    auto* recentLayout = new QVBoxLayout(m_recentBox);
    recentLayout->setContentsMargins(0, 0, 0, 0);
    recentLayout->setSpacing(4);
    recentLayout->addWidget(heading(tr("Recent"), 0, m_recentBox));
    m_recent = new QVBoxLayout;
    m_recent->setSpacing(0);
    recentLayout->addLayout(m_recent);
    recentLayout->addSpacing(20);
    layout->addWidget(m_recentBox);

    layout->addWidget(heading(tr("Three steps"), 0, column));
    auto* steps = new QGridLayout;
    steps->setHorizontalSpacing(12);
    steps->setVerticalSpacing(8);
    const std::array<std::array<QString, 2>, 3> texts{{{tr("Analyze"), tr("run a text through the model once: outliers and the share that rounds to zero, block by block")},
                                                       {tr("Decide"), tr("method, bits, group and activations of each linear, in the Layers table; or start from a preset")},
                                                       {tr("Quantize, evaluate, export"), tr("in the background, with perplexity and divergence measured, into a checkpoint that stock runtimes load")}}};
    for (int i = 0; i < 3; ++i) {
        auto* number = heading(QString::number(i + 1), 2, column);
        steps->addWidget(number, i, 0, Qt::AlignTop);
        auto* text = new QLabel(u"<b>%1</b>: %2"_s.arg(texts[static_cast<std::size_t>(i)][0], texts[static_cast<std::size_t>(i)][1]), column);
        text->setTextFormat(Qt::RichText);
        text->setWordWrap(true);
        steps->addWidget(text, i, 1);
    }
    steps->setColumnStretch(1, 1);
    layout->addLayout(steps);
    auto* help = new QPushButton(tr("Read the &guide (F1)"), column);
    help->setObjectName(u"welcomeHelp"_s);
    help->setFlat(true);
    connect(help, &QPushButton::clicked, this, &WelcomePage::helpRequested);
    help->setToolTip(tr("How to use Halftone, and what its figures mean"));
    m_tourLink = new QPushButton(tr("Take the &tour"), column);
    m_tourLink->setObjectName(u"welcomeTourAgain"_s);
    m_tourLink->setToolTip(tr("Three steps in the real window, on the sample model"));
    m_tourLink->setFlat(true);
    connect(m_tourLink, &QPushButton::clicked, this, &WelcomePage::tourRequested);
    auto* helpLine = new QHBoxLayout;
    helpLine->setSpacing(8);
    helpLine->addWidget(help);
    helpLine->addWidget(m_tourLink);
    helpLine->addStretch(1);
    layout->addLayout(helpLine);
    layout->addStretch(3);
    setRecent({}, {});
}

void WelcomePage::buildTourCard(QVBoxLayout* layout)
{
    m_tourCard = new QFrame(this);
    m_tourCard->setObjectName(u"welcomeTour"_s);
    m_tourCard->setAccessibleName(tr("Tour"));
    auto* row = new QHBoxLayout(m_tourCard);
    row->setContentsMargins(0, 0, 0, 16);
    row->setSpacing(8);
    auto* words = new QLabel(tr("<b>New here?</b> Three steps in the real window, on the sample model: see, decide, take home. Two minutes."), m_tourCard);
    words->setTextFormat(Qt::RichText);
    words->setWordWrap(true);
    row->addWidget(words, 1);
    auto* take = new QPushButton(tr("Take the &tour"), m_tourCard);
    take->setObjectName(u"welcomeTakeTour"_s);
    take->setToolTip(tr("Opens the sample model and shows where to see, decide and take home"));
    take->setAutoDefault(true);
    auto* decline = new QPushButton(tr("&No, thanks"), m_tourCard);
    decline->setObjectName(u"welcomeDeclineTour"_s);
    decline->setToolTip(tr("Not again; the Help menu has the tour"));
    row->addWidget(take);
    row->addWidget(decline);
    connect(take, &QPushButton::clicked, this, &WelcomePage::tourRequested);
    connect(decline, &QPushButton::clicked, this, &WelcomePage::tourDeclined);
    layout->addWidget(m_tourCard);
}

void WelcomePage::setTourOffered(bool offered)
{
    m_tourOffered = offered;
    m_tourCard->setVisible(m_tourOffered && m_sampleAvailable);
    m_tourLink->setVisible(!m_tourOffered && m_sampleAvailable);
}

void WelcomePage::setRecent(const QStringList& paths, const QStringList& pinned)
{
    m_paths = paths;
    m_pinned = pinned;
    while (QLayoutItem* item = m_recent->takeAt(0)) {
        item->widget()->hide();
        item->widget()->deleteLater();
        delete item;
    }
    int shown = 0;
    for (const QString& path : paths) {
        if (++shown > std::max<qsizetype>(5, std::min<qsizetype>(8, pinned.size())))
            break;
        const bool missing = m_facts.value(path).missing;
        auto* line = new QWidget(m_recentBox);
        auto* row = new QHBoxLayout(line);
        row->setContentsMargins(0, 0, 0, 0);
        row->setSpacing(4);
        const QString name = QFileInfo(path).fileName();
        auto* button = new RecentRow(path, m_facts.value(path), line);
        button->setObjectName(u"recent%1"_s.arg(shown - 1));
        connect(button, &QPushButton::clicked, this, [this, path] { Q_EMIT recentRequested(path); });
        row->addWidget(button, 1);
        if (missing) {
            auto* forget = new QToolButton(line);
            forget->setObjectName(u"forget%1"_s.arg(shown - 1));
            forget->setIcon(icon(u"close"_s));
            forget->setAccessibleName(tr("Forget %1").arg(name));
            forget->setToolTip(tr("Take it off this list"));
            connect(forget, &QToolButton::clicked, this, [this, path] { Q_EMIT forgetRequested(path); });
            row->addWidget(forget);
        }
        const bool fixed = pinned.contains(path);
        auto* pin = new QToolButton(line);
        pin->setObjectName(u"pin%1"_s.arg(shown - 1));
        pin->setIcon(icon(u"pin"_s));
        pin->setCheckable(true);
        pin->setChecked(fixed);
        pin->setAccessibleName(fixed ? tr("Unpin %1").arg(plainText(name)) : tr("Pin %1").arg(plainText(name)));
        pin->setToolTip(fixed ? tr("Pinned: it stays at the top of this list. Click to let it go") : tr("Keep it at the top of this list"));
        connect(pin, &QToolButton::clicked, this, [this, path, fixed] { Q_EMIT pinRequested(path, !fixed); });
        row->addWidget(pin);
        m_recent->addWidget(line);
    }
    m_recentBox->setVisible(shown > 0);
}

void WelcomePage::setFacts(const QHash<QString, RecentFacts>& facts)
{
    if (facts == m_facts)
        return;
    m_facts = facts;
    setRecent(m_paths, m_pinned);
}

void WelcomePage::setSampleAvailable(bool available)
{
    m_sampleAvailable = available;
    m_sample->setVisible(available);
    setTourOffered(m_tourOffered);
}

void WelcomePage::takeFocus()
{
    for (const QString& name : {u"welcomeTakeTour"_s, u"welcomeSample"_s, u"welcomeOpen"_s})
        if (auto* button = findChild<QPushButton*>(name); button && !button->isHidden() && !button->parentWidget()->isHidden()) {
            button->setFocus();
            return;
        }
}

void WelcomePage::setOpening(const QString& path)
{
    m_opening->setText(tr("Opening %1 …").arg(path));
    m_opening->setVisible(!path.isEmpty());
}

} // namespace halftone
