#include "app/studio/study_desk.h"

#include "app/studio/machine_rates.h"
#include "app/studio/resources.h"
#include "app/studio/study_dialog.h"
#include "app/studio/text.h"
#include "core/base/sha256.h"
#include "core/pipeline/study_job.h"
#include "widgets/study_model.h"

#include <QFileInfo>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

/// What a project says of its studies.
struct Found {
    std::vector<StudyInfo> studies;
    StudyResult shown;
};

} // namespace

StudyDesk::StudyDesk(Document& document, JobRunner& jobs, Tasks& tasks, StudyPanel& panel, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_jobs(jobs)
    , m_tasks(tasks)
    , m_panel(panel)
{
    m_panel.clear(false);
    connect(&m_document, &Document::opened, this, [this] {
        ++m_generation;
        m_panel.clear(true);
        reload();
    });
    connect(&m_document, &Document::closed, this, [this] {
        ++m_generation;
        m_last = {};   // its texts may be longer than the next model can read
        m_panel.clear(false);
    });
    connect(&m_panel, &StudyPanel::shown, this, &StudyDesk::show);
    connect(&m_panel, &StudyPanel::resumeRequested, this, &StudyDesk::resumeShown);
    const auto stopped = [this](const QString& tag) {
        if (!tag.startsWith(u"study:"_s) || !m_document.isOpen())
            return;
        m_document.reloadRuns();
        reload();
    };
    connect(&m_jobs, &JobRunner::cancelled, this, stopped);
    connect(&m_jobs, &JobRunner::failed, this, stopped);
}

void StudyDesk::reload() { show(m_panel.shownStudy()); }

void StudyDesk::show(const QString& id)
{
    if (!m_document.isOpen())
        return;
    JobSpec spec{u"read-studies"_s, tr("Read the studies"), JobSpec::Lane::Files, false, {}, {}};
    m_jobs.submit(
        spec,
        [project = m_document.project(), id = id.toStdString()](Progress&, const std::stop_token&) {
            Found found;
            found.studies = studies(*project);
            if (!found.studies.empty())
                found.shown = loadStudy(*project, id);
            return found;
        },
        [this, generation = m_generation](const Found& found) {
            if (generation != m_generation)
                return;
            m_panel.setStudies(found.studies, true);
            if (!found.studies.empty())
                m_panel.setResult(found.shown);
        });
}

Study StudyDesk::withTexts(Study study) const
{
    const int longest = static_cast<int>(std::clamp<std::int64_t>(m_document.model().config.maxPositions, 2, 1 << 20));
    if (!m_last.texts.empty()) {
        study.texts = m_last.texts;
        study.windows = m_last.windows;
        study.length = m_last.length;
        study.divergence = m_last.divergence;
        study.calibrationText = m_last.calibrationText;
        study.base.calibration = m_last.base.calibration;
    } else {
        const std::filesystem::path text = toPath(resourceFile(u"text/held-out.txt"_s));
        study.texts = {{text.filename().string(), text}};
        study.windows = 4;
        study.length = std::min(512, longest);
        study.calibrationText = toPath(resourceFile(u"text/sample.txt"_s));
        study.base.calibration = {16, std::min(512, longest), 0};
    }
    study.model = m_document.model().path;
    return study;
}

void StudyDesk::ask(QWidget* parent, const QString& preset)
{
    if (!m_document.isOpen())
        return;
    auto* dialog = new StudyDialog(m_document, m_jobs, m_last, preset.isEmpty() ? m_lastPreset : preset, parent);
    connect(dialog, &JobDialog::started, this, [this, dialog, preset] {
        m_last = dialog->study();
        if (!preset.isEmpty())
            m_lastPreset = preset;
        run(m_last);
    });
    dialog->open();
}

bool StudyDesk::runPreset(const QString& preset)
{
    if (!m_document.isOpen() || m_document.readOnly())
        return false;
    const Study study = withTexts(studyForModel(preset.toStdString(), m_document.model()));
    if (study.texts.front().file.empty() || !std::filesystem::exists(study.texts.front().file))
        return false;
    run(study);
    return true;
}

void StudyDesk::resumeShown()
{
    Study study = m_panel.model()->result().study;
    study.model = m_document.model().path;
    run(study);
}

void StudyDesk::run(const Study& study)
{
    if (!m_document.isOpen())
        return;
    m_document.save();
    const std::shared_ptr<Project> project = m_document.project();
    const auto tokens = std::int64_t{study.windows} * study.length * static_cast<std::int64_t>(study.texts.size());
    StudyJob job{study, project, true, false, m_tasks.options(), {}};
    job.changed = [this, project](const StudyResult& result) {
        QMetaObject::invokeMethod(
            this,
            [this, project, result] {
                if (m_document.project() == project)
                    m_panel.setResult(result);
            },
            Qt::QueuedConnection);
    };
    const QString tag = u"study:"_s + toQString(sha256(study.toJson()).substr(0, 12));   // several may wait; the same one waits once
    const QString title = tr("Study · %1").arg(study.name.empty() ? tr("%1 settings").arg(study.members().size()) : toQString(study.name));
    JobSpec spec{tag, title, JobSpec::Lane::Compute, true, [this, study] { run(study); }, {}};
    m_jobs.submit(
        spec,
        [job, tokens, model = m_document.model()](Progress& progress, const std::stop_token& stop) {
            const WorkClock clock;
            const StudyResult result = runStudy(job, progress, stop);
            // A study from its beginning tells how fast the machine is; of a whole text the length is not known.
            const bool whole = result.reused == 0 && clock.seconds() > 0.8 * result.seconds;
            const double work = whole && tokens > 0 ? studyWork(planStudy(model, job.study, tokens, job.options, job.project->folder())) : 0;
            return std::tuple(result, work, clock.seconds());
        },
        [this, project, model = m_document.model()](const std::tuple<StudyResult, double, double>& done) {
            const auto& [result, work, seconds] = done;
            MachineRates::record(u"study"_s, model, work, seconds);
            if (m_document.project() != project)
                return;
            m_panel.setResult(result);
            m_document.reloadRuns();
            reload();
            Q_EMIT finished(toQString(result.study.name));
        });
    Q_EMIT begun();
}

} // namespace halftone
