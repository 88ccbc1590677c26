#pragma once

#include "app/studio/document.h"
#include "app/studio/job_runner.h"
#include "app/studio/settings.h"
#include "app/studio/tasks.h"
#include "app/studio/workspaces.h"

#include <QHash>
#include <QMainWindow>

#include <memory>

class QActionGroup;
class QDockWidget;
class QLabel;
class QMenu;
class QStackedWidget;

namespace halftone {

class ChannelsView;
class DifferencesView;
class DoneNotice;
class CommandPalette;
class DesktopTheme;
class EvaluationTable;
class EvidenceFeed;
class ExportBanner;
class HelpWindow;
class HistoryPanel;
class Inspector;
class JobActions;
class JobIndicator;
class JobsView;
class KernelView;
class KvCacheMenu;
class LayersModel;
class LayersView;
class LearnedView;
class MessageBanner;
class OutliersView;
class PresetMenu;
class ProjectActions;
class RunDesk;
class RunMonitor;
class RunView;
class RunsTable;
class SegmentedControl;
class SpectrumView;
class StudyDesk;
class StudyPanel;
class SummaryBar;
class TextsView;
class TokensView;
class Tour;
class TrainingView;
class ViewFeeds;
class ViewFrame;
class WeightsView;
class WelcomePage;
struct Dropped;

/// The studio's window: places the docks and actions, turns what the views ask for into edits and jobs.
class MainWindow : public QMainWindow {
    Q_OBJECT
public:
    /// `projectsRoot`: where projects of models opened by path live; `logs`: a log file a job.
    MainWindow(const QString& projectsRoot, const QString& logs, QWidget* parent = nullptr);
    ~MainWindow() override;

    Document& document() { return *m_document; }
    JobRunner& jobs() { return *m_jobs; }
    Tasks& tasks() { return *m_tasks; }
    MessageBanner& messages() { return *m_messages; }
    Workspaces& workspaces() { return *m_workspaces; }
    StudyDesk& studies() { return *m_studies; }

    /// A model, a project, or for the open model a recipe (.json) or a text (.txt).
    void openPath(const QString& path);
    void openPaths(const QStringList& paths);
    void openSample();
    /// Nothing was ever opened here, and the tour neither taken nor declined.
    bool isFirstStart() const;
    /// What was open last, where the person wants that at start.
    void openLast();
    void showPalette();
    void takeTour();
    void setWorkspace(Workspaces::Kind kind);
    void showHelp(const QString& page);
    /// From now on the colours follow the desktop's, where the person chose that.
    void followDesktop();
    /// Closes without asking, running jobs are stopped (they can be resumed).
    void quitNow();
    static QString defaultProjectsRoot();
    static QString defaultLogFolder();

protected:
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;
    void changeEvent(QEvent* event) override;
    bool focusNextPrevChild(bool next) override;

private:
    // main_window.cpp: the frame
    void buildDocks();
    QDockWidget* addDock(QMainWindow* window, Qt::DockWidgetArea area, const QString& name, const QString& title, QWidget* content);
    void connectDocument();
    void connectViews();
    void connectJobs();
    void updateTitle();
    // main_window_frame.cpp: palette, panels by keys, arrangements, drops, tour
    void goToPanel(int step);
    QString pageOfFocus() const;
    void openDropped(const Dropped& dropped);
    void lookForRecent();
    void lookForTokenizer();
    void askArrangementName();
    void updateArrangements();
    // main_window_actions.cpp: menus, tool row, dialogs
    QAction* addAction(QMenu* menu, const QString& name, const QString& text, const QKeySequence& keys, const QString& tip, const QString& iconName = {});
    void buildActions();
    void buildFileMenu();
    void buildEditMenu();
    void buildViewMenu();
    void buildJobMenus();
    void buildHelpMenu();
    void buildToolBar();
    void updateActions();
    void updateRecentMenu();
    void chooseModel();
    /// Asks where the model of `m_gone` lies now.
    void findMovedModel();
    void importRecipe(const QString& file);
    void chooseRecipeToImport();
    void chooseRecipeToSave();
    void askAnalyze();
    void analyzeWithDefaults();
    void askQuantize();
    /// The same, with the blocks of a run offered to be taken over.
    void quantizeFrom(const QString& branchFrom);
    /// `run`: the one to choose; empty: the newest.
    void askEvaluate(const QString& run = {});
    void askExport(const QString& run = {});
    void plotKernel();
    void showStudies();
    void showAbout();
    void applyTheme();
    // main_window_views.cpp: what the document says reaches the views
    void showDocument();
    void showNoDocument();
    void showRecipe();
    void showAnalysis();
    void showAnalysisBlock(int block);
    void showFinishedAnalysis();
    void showResults();
    void showRuns();
    void showEvaluations();
    void showTexts();
    Selection worstOf(int block);
    void goToLargestOutlier();
    bool selectLargestOutlier();   ///< unless the person chose something already; whether it did
    void showSelection();
    void showJobs();
    void showJobsPanel();
    void showCurves();
    void announceEnd(const JobStatus& job);
    void showSummary();
    void showEmptyStates();

    std::unique_ptr<JobRunner> m_jobs;
    Document* m_document = nullptr;
    Tasks* m_tasks = nullptr;
    Settings m_settings;
    Workspaces* m_workspaces = nullptr;

    QMainWindow* m_views = nullptr;
    QStackedWidget* m_pages = nullptr;
    MessageBanner* m_messages = nullptr;
    WelcomePage* m_welcome = nullptr;
    LayersModel* m_layersModel = nullptr;
    LayersView* m_layers = nullptr;
    OutliersView* m_outliers = nullptr;
    KernelView* m_kernel = nullptr;
    ChannelsView* m_channels = nullptr;
    TokensView* m_tokens = nullptr;
    WeightsView* m_weights = nullptr;
    TextsView* m_texts = nullptr;
    DifferencesView* m_differences = nullptr;
    ViewFeeds* m_feeds = nullptr;
    Inspector* m_inspector = nullptr;
    JobsView* m_jobsView = nullptr;
    RunView* m_run = nullptr;
    RunMonitor* m_monitor = nullptr;
    TrainingView* m_training = nullptr;
    LearnedView* m_learned = nullptr;
    SpectrumView* m_spectrum = nullptr;
    EvidenceFeed* m_evidence = nullptr;
    RunsTable* m_runs = nullptr;
    EvaluationTable* m_compare = nullptr;
    StudyPanel* m_study = nullptr;
    StudyDesk* m_studies = nullptr;
    SummaryBar* m_summary = nullptr;
    QAction* m_summaryAction = nullptr;
    SegmentedControl* m_workspaceButtons = nullptr;
    HistoryPanel* m_history = nullptr;
    QLabel* m_compute = nullptr;
    JobActions* m_jobActions = nullptr;
    JobIndicator* m_jobIndicator = nullptr;
    DoneNotice* m_done = nullptr;
    ExportBanner* m_exportBanner = nullptr;
    RunDesk* m_runDesk = nullptr;
    ProjectActions* m_projectActions = nullptr;
    HelpWindow* m_help = nullptr;
    DesktopTheme* m_desktop = nullptr;
    CommandPalette* m_palette = nullptr;
    Tour* m_tour = nullptr;
    int m_blocksShown = 0;               ///< of the analysis at work
    struct { QString project, model; } m_gone;   ///< a project that waits for its model to be found
    bool m_tourWaits = false;            ///< until the sample is open
    QHash<QString, QDockWidget*> m_docks;
    QHash<QString, bool> m_seenDocks;    ///< shown, and not behind another tab
    QStringList m_dockOrder;             ///< as they were made: their order in the View menu
    QHash<QString, QAction*> m_actions;
    QMenu* m_recentMenu = nullptr;
    QMenu* m_arrangementMenu = nullptr;
    PresetMenu* m_presetMenu = nullptr;
    QMenu* m_contractMenu = nullptr;
    KvCacheMenu* m_kvCacheMenu = nullptr;
    QActionGroup* m_contracts = nullptr;
    QHash<int, int> m_notesShown;        ///< job id → notes already in the log view
    AnalyzeRequest m_lastAnalyze;
    EvaluateRequest m_lastEvaluate;
    QString m_lastCalibration;
    QStringList m_runTitles;
    QString m_announcedRun;              ///< the banner "is done, evaluate it" is about this one
    std::optional<Selection> m_wish;     ///< what the Layers table asked for last, not answered yet
    bool m_quitting = false;
};

} // namespace halftone
