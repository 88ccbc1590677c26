#include "app/studio/export_report.h"

#include "app/studio/text.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "widgets/colour_map.h"
#include "widgets/message_banner.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QApplication>
#include <QClipboard>
#include <QDesktopServices>
#include <QDialogButtonBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTextBrowser>
#include <QUrl>
#include <QVBoxLayout>

#include <map>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr auto kId = "exported";

QString tr(const char* text)
{
    return QCoreApplication::translate("ExportReport", text);
}

QString line(const QString& text)
{
    return u"<li>"_s + text.toHtmlEscaped() + u"</li>"_s;
}

/// "210 tensors quantized", "62 tensors copied as bf16": how many of each fate.
QStringList fates(const Json& certificate)
{
    std::map<std::string, int> counts;
    for (const auto& [name, fate] : certificate.at("tensors").items())
        ++counts[fate.get<std::string>()];
    QStringList lines;
    for (const auto& [fate, count] : counts)
        lines.append(count == 1 ? tr("1 tensor %1").arg(toQString(fate)) : tr("%1 tensors %2").arg(count).arg(toQString(fate)));
    return lines;
}

} // namespace

QString certificateText(const ExportNews& news)
{
    QString text;
    if (!news.result.warnings.empty()) {
        text += u"<h4>"_s + tr("What a runtime does otherwise") + u"</h4><ul>"_s;
        for (const std::string& warning : news.result.warnings)
            text += line(toQString(warning));
        text += u"</ul>"_s;
    }
    if (!news.result.left.empty()) {
        text += u"<h4>"_s + tr("What stayed behind") + u"</h4><ul>"_s;
        for (const LeftBehind& left : news.result.left)
            text += line(u"%1: %2"_s.arg(toQString(left.name), toQString(left.reason)));
        text += u"</ul>"_s;
    }
    try {
        const Json certificate = parseJson(news.result.certificate, "certificate");
        text += u"<h4>"_s + tr("What was proved") + u"</h4><ul>"_s;
        text += line(tr("The folder was read again by the decoder that stock runtimes' format asks for; %1 weights are equal to the run's, bit by bit.")
                         .arg(countText(certificate.at("weights_compared_bit_by_bit").get<std::int64_t>())));
        const auto tokens = certificate.at("probe_tokens").get<std::int64_t>();
        if (certificate.contains("probe_kl_mean"))
            text += line(tr("On %1 tokens its outputs have KL %2 to the run's, and the same first choice in %3 of the places.")
                             .arg(tokens)
                             .arg(formatValue(certificate.at("probe_kl_mean").get<double>(), 3), formatShare(certificate.at("probe_top1_agreement").get<double>())));
        else   // a model without a head
            text += line(tr("On %1 tokens what it leaves after the last block is %2 away from the run's.").arg(tokens).arg(formatShare(certificate.at("probe_hidden_error").get<double>())));
        for (const QString& fate : fates(certificate))
            text += line(fate);
        text += line(tr("KV cache: %1").arg(toQString(certificate.at("kv_cache").get<std::string>()))) + u"</ul>"_s;
        text += u"<h4>"_s + tr("Files, with their SHA-256") + u"</h4><table cellpadding=\"2\">"_s;
        for (const auto& [file, hash] : certificate.at("files").items())
            text += u"<tr><td>%1&nbsp;&nbsp;</td><td><code>%2</code></td></tr>"_s.arg(toQString(file).toHtmlEscaped(), toQString(hash.get<std::string>()).toHtmlEscaped());
        text += u"</table>"_s;
    } catch (const std::exception&) {   // another program's certificate: as it stands
        text += u"<pre>"_s + toQString(news.result.certificate).toHtmlEscaped() + u"</pre>"_s;
    }
    return text;
}

ExportReport::ExportReport(const ExportNews& news, QWidget* parent)
    : QDialog(parent)
{
    setObjectName(u"exportReport"_s);
    setWindowTitle(ExportReport::tr("Export of %1").arg(news.request.run));
    setAttribute(Qt::WA_DeleteOnClose);
    resize(760, 560);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 16, 20, 16);
    layout->setSpacing(12);
    auto* what = new QLabel(ExportReport::tr("%1 files, %2, in %3. Every one was read again and compared.")
                                .arg(news.result.files.size()).arg(formatBytes(news.result.bytes), plainText(news.request.out)), this);
    what->setTextFormat(Qt::PlainText);
    what->setWordWrap(true);
    what->setTextInteractionFlags(Qt::TextSelectableByMouse);
    layout->addWidget(what);
    auto* text = new QTextBrowser(this);
    text->setObjectName(u"certificate"_s);
    text->setAccessibleName(ExportReport::tr("Certificate"));
    text->setHtml(certificateText(news));
    layout->addWidget(text, 1);
    auto* lines = new QGridLayout;
    lines->setHorizontalSpacing(8);
    lines->setVerticalSpacing(8);
    const auto add = [&](const QString& title, const QString& line, const QString& name, const QString& copyName, const QString& tip) {
        const int row = lines->rowCount();
        auto* label = new QLabel(title, this);
        auto* words = new QLineEdit(line, this);
        words->setObjectName(name);
        words->setReadOnly(true);
        words->setCursorPosition(0);
        label->setBuddy(words);
        auto* copy = new QPushButton(icon(u"copy"_s), ExportReport::tr("Copy"), this);
        copy->setObjectName(copyName);
        copy->setToolTip(tip);
        copy->setAccessibleName(tip);
        copy->setAutoDefault(false);
        connect(copy, &QPushButton::clicked, this, [line] { QApplication::clipboard()->setText(line); });
        lines->addWidget(label, row, 0);
        lines->addWidget(words, row, 1);
        lines->addWidget(copy, row, 2);
    };
    add(ExportReport::tr("On the co&mmand line"), news.command, u"commandLine"_s, u"copyCommand"_s, ExportReport::tr("Copy the command that exports it"));
    for (const ServeCommand& serve : news.serve)
        add(serve.runtime == u"vLLM"_s ? ExportReport::tr("Serve it in &vLLM") : ExportReport::tr("Open it in &%1").arg(serve.runtime), serve.line, u"serveLine-"_s + serve.runtime,
            u"copyServe-"_s + serve.runtime, ExportReport::tr("Copy the command that opens it in %1").arg(serve.runtime));
    layout->addLayout(lines);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    auto* show = buttons->addButton(ExportReport::tr("&Show in the file manager"), QDialogButtonBox::ActionRole);
    show->setObjectName(u"showFolder"_s);
    show->setAutoDefault(false);
    connect(show, &QPushButton::clicked, this, [folder = news.request.out] { QDesktopServices::openUrl(QUrl::fromLocalFile(folder)); });
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    layout->addWidget(buttons);
    text->setFocus();
}

ExportBanner::ExportBanner(MessageBanner& messages, QWidget* window)
    : QObject(window)
    , m_messages(messages)
    , m_window(window)
{
    connect(&m_messages, &MessageBanner::actionRequested, this, [this](const QString& id, int index) {
        if (id != QString::fromUtf8(kId))
            return;
        if (index == 0) {
            (new ExportReport(m_news, m_window))->show();
            m_messages.dismiss(id);
        } else if (index == 1) {
            QDesktopServices::openUrl(QUrl::fromLocalFile(m_news.request.out));
        } else {
            QApplication::clipboard()->setText(m_news.command);
        }
    });
}

void ExportBanner::tell(const ExportNews& news)
{
    m_news = news;
    const auto warnings = news.result.warnings.size();
    m_messages.showMessage({Message::Kind::Notice, QString::fromUtf8(kId),
                            tr("%1 is exported to %2: %3 files, %4, read again and compared.")
                                .arg(news.request.run, plainText(news.request.out)).arg(news.result.files.size()).arg(formatBytes(news.result.bytes)),
                            warnings == 0 ? QString() : warnings == 1 ? tr("A runtime does one thing otherwise: Show says which.") : tr("A runtime does %1 things otherwise: Show says which.").arg(warnings),
                            tr("&Show"), {}, {tr("Show in the file mana&ger"), tr("Copy the co&mmand")}});
}

} // namespace halftone
