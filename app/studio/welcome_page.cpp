#include "app/studio/welcome_page.h"

#include "widgets/elided_label.h"
#include "widgets/palette.h"

#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

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

    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(8);
    const auto button = [&](const QString& name, const QString& text, const QString& tip, const QString& iconName, auto signal) {
        auto* push = new QPushButton(icon(iconName), text, column);
        push->setObjectName(name);
        push->setToolTip(tip);
        push->setMinimumHeight(36);
        connect(push, &QPushButton::clicked, this, signal);
        buttons->addWidget(push);
        return push;
    };
    m_sample = button(u"welcomeSample"_s, tr("Open the &sample model"), tr("SmolLM2-135M-Instruct, the small model that the set-up installs"), u"welcome"_s,
                      &WelcomePage::sampleRequested);
    m_sample->setDefault(true);
    button(u"welcomeOpenFolder"_s, tr("Open a &folder…"), tr("A Hugging Face folder, or a NAME.halftone project"), u"folder"_s, &WelcomePage::openFolderRequested);
    button(u"welcomeOpenFile"_s, tr("Open a &GGUF file…"), tr("A GGUF checkpoint"), u"open"_s, &WelcomePage::openFileRequested);
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
        text->setWordWrap(true);
        steps->addWidget(text, i, 1);
    }
    steps->setColumnStretch(1, 1);
    layout->addLayout(steps);
    auto* help = new QPushButton(tr("Read the &guide (F1)"), column);
    help->setObjectName(u"welcomeHelp"_s);
    help->setFlat(true);
    connect(help, &QPushButton::clicked, this, &WelcomePage::helpRequested);
    auto* helpLine = new QHBoxLayout;
    helpLine->addWidget(help);
    helpLine->addStretch(1);
    layout->addLayout(helpLine);
    layout->addStretch(3);
    setRecent({});
}

void WelcomePage::setRecent(const QStringList& paths)
{
    while (QLayoutItem* item = m_recent->takeAt(0)) {
        item->widget()->deleteLater();
        delete item;
    }
    int shown = 0;
    for (const QString& path : paths) {
        if (++shown > 5)
            break;
        const QString name = QFileInfo(path).fileName();
        auto* button = new QPushButton(m_recentBox);
        button->setObjectName(u"recent%1"_s.arg(shown - 1));
        button->setFlat(true);
        button->setToolTip(path);
        const QString folder = button->fontMetrics().elidedText(QFileInfo(path).path(), Qt::ElideMiddle, 380);
        button->setText(QString(u"%1   %2"_s).arg(name, folder).replace(u'&', u"&&"_s));
        button->setStyleSheet(u"text-align: left; padding: 3px 6px;"_s);
        connect(button, &QPushButton::clicked, this, [this, path] { Q_EMIT recentRequested(path); });
        m_recent->addWidget(button);
    }
    m_recentBox->setVisible(shown > 0);
}

void WelcomePage::setSampleAvailable(bool available)
{
    m_sample->setVisible(available);
}

void WelcomePage::setOpening(const QString& path)
{
    m_opening->setText(tr("Opening %1 …").arg(path));
    m_opening->setVisible(!path.isEmpty());
}

} // namespace halftone
