// How long a slider move takes from the grid chosen to the picture redrawn: the estimate of every site's kernel from the samples, and drawing it;
// the same for the token map and the channels of the widest site, and for a matrix brought to the Weights view; and how long the Inspector's what-if
// takes from a choice to its first figures, and to the exact ones.
//
//   bench_views MODEL TEXT [--windows N --length L --repeats R --threads T]

#include "app/studio/document.h"
#include "app/studio/job_runner.h"
#include "app/studio/what_if.h"
#include "core/analysis/activation_sample.h"
#include "core/model/describe.h"
#include "core/pipeline/jobs.h"
#include "core/pipeline/weight_maps.h"
#include "widgets/channels_view.h"
#include "widgets/kernel_view.h"
#include "widgets/palette.h"
#include "widgets/tokens_view.h"
#include "widgets/weights_view.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QPixmap>
#include <QTemporaryDir>

#include <algorithm>
#include <cstdio>
#include <functional>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

/// Median and largest of `repeats` times, in milliseconds.
void report(const char* what, int repeats, const std::function<void(int)>& step)
{
    std::vector<double> times;
    for (int i = 0; i < repeats; ++i) {
        QElapsedTimer clock;
        clock.start();
        step(i);
        times.push_back(static_cast<double>(clock.nsecsElapsed()) * 1e-6);
    }
    std::sort(times.begin(), times.end());
    std::printf("%-44s median %7.1f ms   largest %7.1f ms   of %d\n", what, times[times.size() / 2], times.back(), repeats);
}

ActivationGrid gridOf(int step)
{
    constexpr std::array schemes{ActivationScheme::Cross, ActivationScheme::PerToken, ActivationScheme::CrossStatic, ActivationScheme::PerTensor};
    return {schemes[static_cast<std::size_t>(step) % schemes.size()], 3 + step % 5, true, static_cast<double>(step % 21) / 20};
}

} // namespace

int main(int argc, char** argv)
{
    qputenv("QT_QPA_PLATFORM", "offscreen");
    QApplication application(argc, argv);
    QCommandLineParser parser;
    parser.addPositionalArgument(u"model"_s, {});
    parser.addPositionalArgument(u"text"_s, {});
    parser.addOptions({{u"windows"_s, {}, u"n"_s, u"4"_s}, {u"length"_s, {}, u"n"_s, u"512"_s}, {u"repeats"_s, {}, u"n"_s, u"40"_s}, {u"threads"_s, {}, u"n"_s, u"0"_s}});
    parser.process(application);
    const QStringList arguments = parser.positionalArguments();
    if (arguments.size() != 2) {
        std::fputs("bench_views MODEL TEXT [--windows N --length L --repeats R --threads T]\n", stderr);
        return 2;
    }
    const int repeats = std::max(1, parser.value(u"repeats"_s).toInt());
    applyTheme(application, Theme::Dark);
    AnalyzeJob job;
    job.model = arguments[0].toStdString();
    job.text = {arguments[1].toStdString(), parser.value(u"windows"_s).toInt(), parser.value(u"length"_s).toInt()};
    job.options.threads = parser.value(u"threads"_s).toInt();
    SilentProgress progress;
    const Analysis analysis = analyze(job, progress, {});
    const ModelDescription model = describeModel(job.model, false);

    std::vector<std::shared_ptr<const SiteSample>> samples;
    const SiteStatistics* widest = &analysis.sites.front();
    std::size_t bytes = 0;
    for (const SiteStatistics& site : analysis.sites) {
        samples.push_back(site.sample);
        bytes += (site.sample->values.size() + site.sample->windowAbsmax.size()) * sizeof(float);
        if (site.site.channels > widest->site.channels)
            widest = &site;
    }
    std::printf("%zu sites, sample of %lld of %lld tokens, %.1f MB\n", samples.size(), static_cast<long long>(samples.front()->rows()),
                static_cast<long long>(samples.front()->tokens->total), static_cast<double>(bytes) * 1e-6);

    KernelView kernel;
    kernel.resize(640, 420);
    kernel.setBlocks(model.config.blocks);
    kernel.setSettings(analysis.settings);
    for (int b = 0; b < model.config.blocks; ++b) {
        std::vector<SiteStatistics> sites;
        std::copy_if(analysis.sites.begin(), analysis.sites.end(), std::back_inserter(sites), [b](const SiteStatistics& s) { return s.site.block == b; });
        kernel.setSites(b, sites);
    }
    const auto preview = [&](const ActivationGrid& grid, const ActivationGrid& other) {
        KernelPreview answer{grid, other, {}, {}, samples.front()->rows(), samples.front()->tokens->total};
        for (const bool second : {false, true}) {
            const std::vector<KernelEstimate> estimates = estimateKernels(samples, second ? other : grid);
            for (std::size_t i = 0; i < estimates.size(); ++i)
                (second ? answer.otherCells : answer.cells)[analysis.sites[i].site.kind].push_back(estimates[i]);
        }
        kernel.setPreview(answer);
    };
    QObject::connect(&kernel, &KernelView::previewRequested, &kernel, preview);
    kernel.setSample(samples.front()->rows(), samples.front()->tokens->total);
    kernel.grab();
    report("kernel: estimate all sites, redraw", repeats, [&](int i) {
        kernel.setGrid(gridOf(i));
        kernel.grab();
    });

    TokensView tokens;
    tokens.resize(1000, 520);
    QObject::connect(&tokens, &TokensView::roundingRequested, &tokens, [&](const std::shared_ptr<const SiteSample>& sample, const ActivationGrid& grid) {
        tokens.setRounded(*sample, grid, std::make_shared<const std::vector<float>>(roundSample(*sample, grid)));
    });
    tokens.setSite(widest->site, widest->sample);
    tokens.setMode(TokensView::Mode::Error);
    tokens.grab();
    report("tokens: round the widest site, redraw", repeats, [&](int i) {
        tokens.setGrid(gridOf(i));
        tokens.grab();
    });

    ChannelsView channels;
    channels.resize(640, 420);
    QObject::connect(&channels, &ChannelsView::summaryRequested, &channels, [&](const std::shared_ptr<const SiteSample>& sample, const ActivationGrid& grid) {
        channels.setSummary(*sample, grid, std::make_shared<const ChannelSummary>(summarizeChannels(*sample, grid)));
    });
    channels.setGridShown(true);
    channels.setSite(*widest);
    channels.grab();
    report("channels: summarize the widest site, redraw", repeats, [&](int i) {
        channels.setGrid(gridOf(i));
        channels.grab();
    });

    WeightsView weights;
    weights.resize(900, 640);
    WeightMaps maps(job.model);
    WeightGrid grid;
    grid.bits = 4;
    const LinearInfo& largest = *std::max_element(model.linears.begin(), model.linears.end(), [](const LinearInfo& a, const LinearInfo& b) { return a.weights() < b.weights(); });
    std::printf("weights: %s, %lld × %lld\n", largest.name.c_str(), static_cast<long long>(largest.out), static_cast<long long>(largest.in));
    weights.setLinear(QString::fromStdString(largest.name));
    std::shared_ptr<const WeightMap> map;
    report("weights: read, round, histogram", std::min(repeats, 5), [&](int) { map = std::make_shared<const WeightMap>(maps.rounded(largest.name, grid, {})); });
    weights.setPicture(WeightsPicture::make(weights.request(), map));
    weights.grab();
    report("weights: error map made and drawn", repeats, [&](int i) {
        weights.setMode(i % 2 ? WeightsRequest::Mode::Error : WeightsRequest::Mode::Quantized);
        weights.setPicture(WeightsPicture::make(weights.request(), map));
        weights.grab();
    });

    QTemporaryDir folder;
    JobRunner jobs(folder.filePath(u"logs"_s));
    Document document(jobs, std::filesystem::path(folder.filePath(u"projects"_s).toStdString()));
    QEventLoop waiting;
    QObject::connect(&document, &Document::opened, &waiting, &QEventLoop::quit);
    QObject::connect(&document, &Document::openFailed, &waiting, [&waiting](const QString&, const JobError& error) {
        std::fprintf(stderr, "%s\n", qPrintable(error.sentence));
        waiting.exit(1);
    });
    document.open(arguments[0]);
    if (waiting.exec() != 0)
        return 1;
    document.beginAnalysis(analysis.settings, analysis.windows, analysis.length, arguments[1]);
    for (int b = 0; b < model.config.blocks; ++b) {
        std::vector<SiteStatistics> sites;
        std::copy_if(analysis.sites.begin(), analysis.sites.end(), std::back_inserter(sites), [b](const SiteStatistics& s) { return s.site.block == b; });
        document.addAnalysisBlock(b, sites, {});
    }
    WhatIf whatIf(document, jobs);
    bool first = true;
    QObject::connect(&whatIf, &WhatIf::answered, &waiting, [&](const WhatIfAnswer& answer) {
        if (first || answer.final)
            waiting.quit();
    });
    const auto tried = [](int step, bool clip) {
        Plan plan;
        plan.weights.bits = 2 + step % 7;
        plan.weights.group = step % 2 ? 64 : 32;
        plan.weights.clip = clip ? WeightGrid::Clip::Mse : WeightGrid::Clip::None;
        plan.activations = gridOf(step);
        return plan;
    };
    const auto settle = [&] {   // what is still being computed for the last choice
        while (jobs.busy())
            QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents, 5);
    };
    for (const bool clip : {false, true}) {
        const std::string what = clip ? "what-if with the clip search: " : "what-if: ";
        first = true;
        report((what + "another grid, first figures").c_str(), repeats, [&](int i) {
            whatIf.ask(largest.name, Plan{}, tried(i, clip));
            waiting.exec();
        });
        settle();
        first = false;
        report((what + "another grid, exact").c_str(), std::min(repeats, 10), [&](int i) {
            whatIf.ask(largest.name, Plan{}, tried(i, clip));
            waiting.exec();
        });
        settle();
    }
    first = true;
    report("what-if: another linear, first figures", std::min<int>(repeats, static_cast<int>(model.linears.size())), [&](int i) {
        whatIf.ask(model.linears[static_cast<std::size_t>(i)].name, Plan{}, tried(i, false));
        waiting.exec();
    });
    settle();
    return 0;
}
