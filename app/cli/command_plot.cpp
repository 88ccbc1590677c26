#include "app/cli/commands.h"
#include "app/cli/moved_model.h"
#include "app/cli/plot_views.h"
#include "app/cli/terminal.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/json_paths.h"
#include "core/project/replace_guard.h"
#include "widgets/palette.h"

#include <QApplication>

#include <clocale>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace halftone::cli {

namespace {

QSize sizeOf(const std::string& text)
{
    int width = 0;
    int height = 0;
    char rest = 0;
    if (std::sscanf(text.c_str(), "%dx%d%c", &width, &height, &rest) != 2 || width < 64 || height < 64 || width > 16384 || height > 16384)
        throw Error(ErrorKind::InvalidArgument, "--size \"" + text + "\" is not WIDTHxHEIGHT with both in 64 … 16384", "size");
    return {width, height};
}

void listViews(const Common& common)
{
    Json json{{"views", Json::array()}};
    std::vector<std::vector<std::string>> rows;
    for (const PlotView& view : plotViews()) {
        json["views"].push_back({{"id", view.id}, {"title", view.title}});
        rows.push_back({view.id, view.title});
    }
    common.json ? printJson(json) : printTable({"view", "what"}, rows);
}

/// Qt ends the program with a signal where it cannot open what it begins with.
void requireDescriptors(const std::string& out)
{
    std::array<int, 12> opened{};
    int error = 0;
    for (int& descriptor : opened) {
        descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (descriptor < 0)
            error = errno;
    }
    for (const int descriptor : opened)
        if (descriptor >= 0)
            ::close(descriptor);
    if (error != 0)
        failIo(out, "the picture cannot be drawn", error);
}

QtMessageHandler gBefore = nullptr;

/// Qt waits for ever for a thread that could not be started, and dies by a signal of what else it cannot do without: both end as what they are.
void onQtMessage(QtMsgType type, const QMessageLogContext& context, const QString& text)
{
    if (type != QtFatalMsg && !text.contains(QLatin1String("Thread creation error"))) {
        gBefore(type, context, text);
        return;
    }
    complain("halftone-cli: out of memory: the picture cannot be drawn: " + text.toStdString() + "; raise the limits of this process (ulimit -v, ulimit -u, ulimit -n)");
    ::_exit(exitCode(ErrorKind::OutOfMemory));
}

void plot(const PlotArguments& a, const Common& common)
{
    if (a.list) {
        listViews(common);
        return;
    }
    if (a.project.empty() || a.view.empty() || a.out.empty())
        throw CLI::ValidationError("plot", "PROJECT, --view and --out are needed (or --list)");
    const auto view = std::find_if(plotViews().begin(), plotViews().end(), [&](const PlotView& v) { return a.view == v.id; });
    if (view == plotViews().end())
        throw CLI::ValidationError("--view", "\"" + a.view + "\" is not known; plot --list names the views");
    const QSize size = sizeOf(a.size.empty() ? view->size : a.size);
    if (asUtf8(a.out) != a.out)   // Qt, which draws and writes, would take another name
        throw Error(ErrorKind::InvalidArgument, a.out + ": the name of a picture must be UTF-8; choose another name.", a.out);
    findModel(a.project, a.model);
    PlotSource source{Project::openExisting(a.project, true), {}, a};
    requireFileTarget(a.out, a.overwrite, {{source.project->modelPath(), "the model"}, {source.project->folder(), "the project"}});
    if (view->measured) {
        source.analysis = source.project->analysis().value_or(Analysis{});
        if (source.analysis.sites.empty())
            throw Error(ErrorKind::BadFile, a.project + ": nothing is measured yet; run halftone-cli analyze MODEL --text F --project " + a.project, a.project);
    }

    requireDescriptors(a.out);
    gBefore = qInstallMessageHandler(onQtMessage);
    qputenv("QT_QPA_PLATFORM", "offscreen");   // a picture needs no display
    qputenv("QT_NO_GLIB", "1");                // nor what goes with one
    int count = 1;
    char program[] = "halftone-cli";
    char* arguments[] = {program, nullptr};
    QApplication application(count, arguments);
    std::setlocale(LC_NUMERIC, "C");   // Qt took over the desktop's; numbers in files have a point
    applyTheme(application, a.theme == "dark" ? Theme::Dark : Theme::Light);
    const std::unique_ptr<ViewFrame> frame = view->make(source);
    frame->resize(size);
    frame->saveTo(QString::fromStdString(a.out), size, a.scale);
    if (common.json)
        printJson({{"file", a.out}});
    else
        print("%s\n", a.out.c_str());
}

} // namespace

void addPlotCommand(CLI::App& program)
{
    auto a = std::make_shared<PlotArguments>();
    auto common = std::make_shared<Common>();
    CLI::App* command = program.add_subcommand("plot", "the window's plots as files, no display needed");
    command->add_option("PROJECT", a->project, "project folder");
    command->add_option("--view", a->view, "one of plot --list");
    command->add_option("--site", a->site, "a site, a kind of site, or a linear");
    command->add_option("--run", a->run, "a run (the newest that is done)");
    command->add_option("--against", a->against, "of differences: the run to hold it against (the recipe, rounded to nearest)");
    command->add_option("--out", a->out, "file; its ending chooses png, svg, pdf or csv");
    command->add_option("--model", a->model, "where the project's model lies now, if it has moved; remembered");
    command->add_flag("--overwrite", a->overwrite, "replace the file of --out where there is one");
    command->add_option("--mode", a->mode, "what of it: see plot --list");
    command->add_option("--scheme", a->scheme, "activation grid: per_tensor, per_token, per_channel, cross, cross_static")->capture_default_str();
    command->add_option("--bits", a->bits, "bits of the activation grid (those of the analysis)")->check(CLI::Range(2, 8));
    command->add_option("--alpha", a->alpha, "alpha of the cross grids (that of the analysis)")->check(CLI::Range(0.0, 1.0));
    command->add_option("--scale", a->scale, "pixels of a .png for one of --size")->check(CLI::Range(1, 8))->capture_default_str();
    command->add_option("--theme", a->theme, "light or dark")->check(CLI::IsMember({"light", "dark"}))->capture_default_str();
    command->add_option("--size", a->size, "WIDTHxHEIGHT of the picture");
    command->add_flag("--list", a->list, "the views there are");
    common->addTo(*command, false);
    command->callback([a, common] { plot(*a, *common); });
}

} // namespace halftone::cli
