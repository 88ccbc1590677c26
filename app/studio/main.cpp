#include "app/process_guard.h"
#include "app/studio/main_window.h"
#include "app/studio/screenshot.h"
#include "app/studio/start_clock.h"
#include "app/studio/text.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/project/replace_guard.h"
#include "widgets/palette.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QFile>
#include <QJsonDocument>
#include <QSocketNotifier>
#include <QTextStream>
#include <QTimer>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace {

/// SIGTERM, SIGHUP and SIGINT close the window as Quit does, without a question: jobs stop, the recipe is saved. A second one ends it at once.
void closeOnSignals(halftone::MainWindow& window)
{
    std::array<int, 2> sockets{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0)
        return;
    auto* notifier = new QSocketNotifier(sockets[1], QSocketNotifier::Read, &window);
    QObject::connect(notifier, &QSocketNotifier::activated, &window, [notifier, &window] {
        notifier->setEnabled(false);
        window.quitNow();
        QCoreApplication::quit();
    });
    halftone::wakeOnFirstSignal(sockets[0]);
}

QtMessageHandler gBefore = nullptr;

/// Where no display can be opened Qt would end by SIGABRT: this says why, and what does without one.
void onStartMessage(QtMsgType type, const QMessageLogContext& context, const QString& text)
{
    if (type == QtFatalMsg) {
        const bool display = text.contains(QLatin1String("platform plugin"));
        const std::string said = text.section(QLatin1Char('\n'), 0, 0).toStdString();
        std::fprintf(stderr, "halftone: %s\n", display ? "no window can be opened: there is no display here, or it does not answer. halftone-cli does without one all that the window does" : said.c_str());
        std::fflush(stderr);
        ::_exit(halftone::exitCode(halftone::ErrorKind::Unsupported));
    }
    gBefore(type, context, text);
}

/// What the program says of itself needs no display.
bool asksForWords(int argc, char** argv)
{
    return std::any_of(argv + 1, argv + argc, [](const char* word) {
        const std::string_view asked(word);
        return asked == "--help" || asked == "--help-all" || asked == "-h" || asked == "--version" || asked == "-v";
    });
}

} // namespace

int main(int argc, char** argv)
{
    using namespace Qt::StringLiterals;
    if (asksForWords(argc, argv) && qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM"))
        qputenv("QT_QPA_PLATFORM", "offscreen");
    gBefore = qInstallMessageHandler(onStartMessage);
    QApplication application(argc, argv);
    qInstallMessageHandler(nullptr);
    std::setlocale(LC_NUMERIC, "C");   // Qt took over the desktop's; numbers in files have a point
    QApplication::setOrganizationName(u"Halftone"_s);
    QApplication::setApplicationName(u"halftone"_s);
    QApplication::setApplicationDisplayName(u"Halftone"_s);
    QApplication::setApplicationVersion(QStringLiteral(HALFTONE_VERSION));
    QApplication::setDesktopFileName(u"halftone"_s);
    QApplication::setWindowIcon(halftone::applicationIcon());

    QCommandLineParser parser;
    parser.setApplicationDescription(u"Halftone: see, decide, quantize, judge and export large language models."_s);
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument(u"model"_s, u"A Hugging Face folder, a GGUF file, or a NAME.halftone project."_s, u"[MODEL | PROJECT]"_s);
    const QCommandLineOption sample(u"sample"_s, u"This is the sample model: the first start offers it with the tour, later ones open it."_s, u"gguf"_s);
    const QCommandLineOption theme(u"theme"_s, u"light, dark or system; this start only."_s, u"name"_s);
    const QCommandLineOption threads(u"threads"_s, u"Threads to compute with; 0: all cores."_s, u"number"_s);
    const QCommandLineOption workspace(u"workspace"_s, u"inspect, tune, run or compare."_s, u"name"_s);
    const QCommandLineOption screenshot(u"screenshot"_s, u"Save a picture of the window when it stands still, and quit."_s, u"png"_s);
    const QCommandLineOption overwrite(u"overwrite"_s, u"Replace the file of --screenshot, or the files of --script, where there are some."_s);
    const QCommandLineOption size(u"size"_s, u"Size of the picture, 1440x900 unless said."_s, u"WxH"_s);
    const QCommandLineOption select(u"select"_s, u"Linear to select before the picture."_s, u"linear"_s);
    const QCommandLineOption recipe(u"recipe"_s, u"Recipe to import before the picture."_s, u"json"_s);
    const QCommandLineOption mainJob(u"main-job"_s, u"Before the picture, analyze, quantize and evaluate what the project lacks, on the texts that come along."_s);
    const QCommandLineOption script(u"script"_s, u"Steps to take in the window (JSON, see tests/gallery), and quit."_s, u"json"_s);
    const QCommandLineOption timing(u"timing"_s, u"Say when the window was painted and the model open, and quit (tests/bench)."_s);
    parser.addOptions({sample, theme, threads, workspace, screenshot, overwrite, size, select, recipe, mainJob, script, timing});
    parser.process(application);
    const auto usage = [](const QString& sentence) {
        QTextStream(stderr) << "halftone: " << sentence << '\n';
        return 2;
    };
    const QStringList arguments = parser.positionalArguments();
    if (arguments.size() > 1)
        return usage(u"one model or project at a time, please"_s);
    if (parser.isSet(sample))
        qputenv("HALFTONE_SAMPLE", parser.value(sample).toUtf8());

    if (parser.isSet(screenshot)) {   // before the window opens, and again when it is written
        try {
            halftone::requireFileTarget(halftone::toPath(parser.value(screenshot)), parser.isSet(overwrite), {});
        } catch (const halftone::Error& error) {
            QTextStream(stderr) << "halftone: " << QString::fromUtf8(error.what()) << '\n';
            return halftone::exitCode(error.kind());
        }
    }

    halftone::Settings settings;
    halftone::Theme chosen = settings.theme();
    if (parser.isSet(theme)) {
        if (parser.value(theme) == u"dark"_s)
            chosen = halftone::Theme::Dark;
        else if (parser.value(theme) == u"light"_s)
            chosen = halftone::Theme::Light;
        else if (parser.value(theme) != u"system"_s)
            return usage(u"--theme is light, dark or system"_s);
    }
    int kind = -1;
    if (parser.isSet(workspace) && (kind = halftone::Workspaces::kindOf(parser.value(workspace))) < 0)
        return usage(u"--workspace is inspect, tune, run or compare"_s);
    halftone::applyTheme(application, chosen);
    halftone::setLogSink([](halftone::LogLevel level, std::string_view message) {
        if (level >= halftone::LogLevel::Warning)
            qWarning("%.*s", static_cast<int>(message.size()), message.data());
    });

    halftone::MainWindow window(halftone::MainWindow::defaultProjectsRoot(), halftone::MainWindow::defaultLogFolder());
    halftone::ComputeOptions options;
    options.threads = parser.value(threads).toInt();
    window.tasks().setOptions(options);
    closeOnSignals(window);
    if (parser.isSet(timing))
        halftone::reportStart(window, !arguments.isEmpty());
    window.show();
    if (!arguments.isEmpty() && parser.isSet(timing))   // once the window stands: the two are measured apart
        QTimer::singleShot(300, &window, [&window, path = arguments.front()] {
            halftone::reportOpening();
            window.openPath(path);
        });
    else if (!arguments.isEmpty())
        window.openPath(arguments.front());
    else if (parser.isSet(sample)) {
        // The first page is for the new user that most who start on the sample are.
        if (!window.isFirstStart() || parser.isSet(screenshot) || parser.isSet(script))
            window.openSample();
    } else if (settings.reopensLast() && !parser.isSet(screenshot) && !parser.isSet(script))
        window.openLast();

    if (!parser.isSet(screenshot) && !parser.isSet(script) && (!parser.isSet(theme) || parser.value(theme) == u"system"_s))
        QTimer::singleShot(0, &window, &halftone::MainWindow::followDesktop);

    if (parser.isSet(screenshot)) {
        halftone::ScreenshotRequest request;
        request.file = parser.value(screenshot);
        request.replaces = parser.isSet(overwrite);
        request.linear = parser.value(select);
        request.recipe = parser.value(recipe);
        request.mainJob = parser.isSet(mainJob);
        request.opens = !arguments.isEmpty() || parser.isSet(sample);
        if (kind >= 0)
            request.workspace = static_cast<halftone::Workspaces::Kind>(kind);
        if (parser.isSet(size)) {
            const QStringList sides = parser.value(size).split(u'x');
            request.size = sides.size() == 2 ? QSize(sides[0].toInt(), sides[1].toInt()) : QSize();
            if (request.size.width() < 400 || request.size.height() < 300)
                return usage(u"--size is WIDTHxHEIGHT, at least 400x300"_s);
        }
        takeScreenshot(window, request);
    } else if (parser.isSet(script)) {
        QFile file(parser.value(script));
        const QJsonDocument steps = file.open(QIODevice::ReadOnly) ? QJsonDocument::fromJson(file.readAll()) : QJsonDocument();
        if (!steps.isArray())
            return usage(u"--script is a file with a JSON array of steps"_s);
        halftone::playScript(window, steps.array(), parser.isSet(overwrite));
    } else if (kind >= 0) {
        QObject::connect(&window.document(), &halftone::Document::opened, &window, [&window, kind] { window.setWorkspace(static_cast<halftone::Workspaces::Kind>(kind)); });
    }
    return QApplication::exec();
}
