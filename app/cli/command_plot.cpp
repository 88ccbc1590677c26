#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/project/project.h"
#include "widgets/channels_view.h"
#include "widgets/kernel_view.h"
#include "widgets/outliers_view.h"
#include "widgets/palette.h"

#include <QApplication>

#include <algorithm>
#include <functional>
#include <memory>

namespace halftone::cli {

namespace {

struct Arguments {
    Common common;
    std::string project, view, site, out, theme = "light", size;
    bool list = false;
};

/// The site that `--site` names: its own name, its kind ("mlp_mid"), or a linear it feeds. @throws Error{InvalidArgument}.
const SiteStatistics& siteOf(const Analysis& analysis, const std::string& wanted)
{
    for (const SiteStatistics& s : analysis.sites)
        if (wanted.empty() || s.site.name == wanted || name(s.site.kind) == wanted ||
            std::find(s.site.linears.begin(), s.site.linears.end(), wanted) != s.site.linears.end())
            return s;
    throw Error(ErrorKind::InvalidArgument, "site \"" + wanted + "\" is not in the analysis; give a site (" + analysis.sites.front().site.name +
                "), a kind (" + std::string(name(analysis.sites.front().site.kind)) + ") or a linear", "site");
}

template <typename View> void feed(View& view, const Analysis& analysis)
{
    const int blocks = 1 + std::max_element(analysis.sites.begin(), analysis.sites.end(), [](const auto& a, const auto& b) { return a.site.block < b.site.block; })->site.block;
    view.setBlocks(blocks);
    for (int b = 0; b < blocks; ++b) {
        std::vector<SiteStatistics> sites;
        std::copy_if(analysis.sites.begin(), analysis.sites.end(), std::back_inserter(sites), [b](const SiteStatistics& s) { return s.site.block == b; });
        view.setSites(b, sites);
    }
}

struct PlotView {
    const char* id;
    const char* title;
    const char* size;   ///< where --size is not given
    std::function<std::unique_ptr<ViewFrame>(const Analysis&, const std::string& site)> make;
};

/// The window's views that a project's statistics fill.
const std::vector<PlotView>& plotViews()
{
    static const std::vector<PlotView> views{
        {"outliers", "block × channel of one site kind, log channel absmax", "1200x640",
         [](const Analysis& analysis, const std::string& site) {
             auto view = std::make_unique<OutliersView>();
             feed(*view, analysis);
             view->setSiteKind(site.empty() ? SiteKind::MlpMiddle : siteOf(analysis, site).site.kind);
             view->setSource(QString::number(static_cast<qlonglong>(analysis.windows) * analysis.length) + QStringLiteral(" tokens"));
             return view;
         }},
        {"kernel", "share of each site that rounds to zero", "1200x400",
         [](const Analysis& analysis, const std::string&) {
             auto view = std::make_unique<KernelView>();
             view->setSettings(analysis.settings);
             feed(*view, analysis);
             return view;
         }},
        {"channels", "channel absmax of one site, sorted", "1000x560",
         [](const Analysis& analysis, const std::string& site) {
             auto view = std::make_unique<ChannelsView>();
             view->setSite(siteOf(analysis, site));
             return view;
         }},
    };
    return views;
}

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

void plot(const Arguments& a)
{
    if (a.list) {
        listViews(a.common);
        return;
    }
    if (a.project.empty() || a.view.empty() || a.out.empty())
        throw CLI::ValidationError("plot", "PROJECT, --view and --out are needed (or --list)");
    const auto view = std::find_if(plotViews().begin(), plotViews().end(), [&](const PlotView& v) { return a.view == v.id; });
    if (view == plotViews().end())
        throw CLI::ValidationError("--view", "\"" + a.view + "\" is not known; plot --list names the views");
    const QSize size = sizeOf(a.size.empty() ? view->size : a.size);
    const std::optional<Analysis> analysis = Project::openExisting(a.project, true)->analysis();
    if (!analysis || analysis->sites.empty())
        throw Error(ErrorKind::BadFile, a.project + ": nothing is measured yet; run halftone-cli analyze MODEL --text F --project " + a.project, a.project);

    qputenv("QT_QPA_PLATFORM", "offscreen");   // a picture needs no display
    int count = 1;
    char program[] = "halftone-cli";
    char* arguments[] = {program, nullptr};
    QApplication application(count, arguments);
    applyTheme(application, a.theme == "dark" ? Theme::Dark : Theme::Light);
    const std::unique_ptr<ViewFrame> frame = view->make(*analysis, a.site);
    frame->resize(size);
    frame->saveTo(QString::fromStdString(a.out), size);
    if (a.common.json)
        printJson({{"file", a.out}});
    else
        std::printf("%s\n", a.out.c_str());
}

} // namespace

void addPlotCommand(CLI::App& program)
{
    auto a = std::make_shared<Arguments>();
    CLI::App* command = program.add_subcommand("plot", "the window's plots as files, no display needed");
    command->add_option("PROJECT", a->project, "project folder");
    command->add_option("--view", a->view, "outliers, kernel, channels");
    command->add_option("--site", a->site, "a site, a kind of site, or a linear");
    command->add_option("--out", a->out, "file; its ending chooses png, svg, pdf or csv");
    command->add_option("--theme", a->theme, "light or dark")->check(CLI::IsMember({"light", "dark"}))->capture_default_str();
    command->add_option("--size", a->size, "WIDTHxHEIGHT of the picture");
    command->add_flag("--list", a->list, "the views there are");
    a->common.addTo(*command, false);
    command->callback([a] { plot(*a); });
}

} // namespace halftone::cli
