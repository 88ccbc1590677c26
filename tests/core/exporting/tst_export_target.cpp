#include "tiny_model.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/exporting/export_job.h"
#include "core/exporting/export_target.h"

#include <QtTest>

#include <fstream>
#include <functional>

#include <unistd.h>

using namespace halftone;
using namespace halftone::testing;

namespace fs = std::filesystem;

namespace {

void put(const fs::path& path, const std::string& text)
{
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

/// Every file below a folder with its bytes; links by what they say.
std::map<std::string, std::string> below(const fs::path& folder)
{
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().lexically_relative(folder).generic_string();
        if (entry.is_symlink())
            all[name] = "-> " + fs::read_symlink(entry.path()).string();
        else if (entry.is_regular_file())
            all[name] = readTextFile(entry.path(), 1u << 30);
        else
            all[name] = "folder";
    }
    return all;
}

} // namespace

/// What stands where an export goes: replaced is an earlier export of Halftone's, with nothing in it but what that wrote.
class TestExportTarget : public QObject {
    Q_OBJECT

    QTemporaryDir m_dir;
    fs::path m_root, m_model;
    std::shared_ptr<Project> m_project;

    ExportJob job(const fs::path& out, bool overwrite = true) const
    {
        ExportJob job;
        job.project = m_project;
        job.format = "compressed-tensors";
        job.out = out;
        job.overwrite = overwrite;
        return job;
    }
    /// The refusal's sentence; empty where it was exported.
    static QString refused(const ExportJob& job)
    {
        SilentProgress progress;
        try {
            exportRun(job, progress, {});
        } catch (const Error& e) {
            if (e.kind() != ErrorKind::InvalidArgument)
                qFatal("of kind %d: %s", static_cast<int>(e.kind()), e.what());
            return QString::fromUtf8(e.what());
        }
        return {};
    }

private Q_SLOTS:
    void initTestCase()
    {
        m_root = fs::canonical(m_dir.path().toStdString());
        m_model = m_root / "models" / "m";
        fs::create_directories(m_model.parent_path());
        fs::copy(tinyLlama(), m_model, fs::copy_options::recursive);
        m_project = Project::open(m_root / "projects" / "p.halftone", m_model);
        SilentProgress progress;
        QuantizeJob job;
        job.model = m_model;
        job.recipe = tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})");
        job.text = tinyText();
        job.project = m_project;
        job.options.threads = 2;
        quantize(job, progress, {});
    }

    void nothingThatAnExportDidNotWriteIsRemoved_data()
    {
        QTest::addColumn<QString>("target");
        const auto row = [](const char* name, const fs::path& path) { QTest::newRow(name) << QString::fromStdString(path.string()); };
        row("the model", m_model);
        row("the model with a slash", m_model / "");
        row("the model through dots", m_root / "models" / "x" / ".." / "m");
        row("the model through a folder's link", m_root / "models-link" / "m");
        row("a link to the model", m_root / "m-link");
        row("a folder above the model", m_root / "models");
        row("the project", m_root / "projects" / "p.halftone");
        row("in the project", m_root / "projects" / "p.halftone" / "runs");
        row("a folder above the project", m_root / "projects");
        row("a folder above both", m_root);
        row("somebody's folder", m_root / "papers");
        row("somebody's file", m_root / "papers" / "notes.txt");
        row("a link to an export", m_root / "export-link");
        row("an export with a file more", m_root / "export-and-notes");
        row("an export with a folder more", m_root / "export-and-folder");
        row("an export with a file changed", m_root / "export-changed");
        row("an export with a file linked", m_root / "export-linked");
        row("a new folder in the project", m_root / "projects" / "p.halftone" / "new");
        row("a new folder in the project, deep", m_root / "projects" / "p.halftone" / "runs" / "new" / "deep");
        row("a folder with a forged certificate", m_root / "forged");
        row("another project", m_root / "other.halftone");
        row("a root", "/");
        row("a home", QDir::homePath().toStdString());
    }
    void nothingThatAnExportDidNotWriteIsRemoved()
    {
        QFETCH(QString, target);
        static const bool made = [&] {
            fs::create_directories(m_root / "models" / "x");
            fs::create_directory_symlink(m_root / "models", m_root / "models-link");
            fs::create_directory_symlink(m_model, m_root / "m-link");
            put(m_root / "papers" / "notes.txt", "precious");
            put(m_root / "papers" / "docs" / "thesis.txt", "precious");
            for (const char* name : {"export", "export-and-notes", "export-and-folder", "export-changed", "export-linked"})
                if (!refused(job(m_root / name, false)).isEmpty())
                    qFatal("cannot export");
            fs::create_directory_symlink(m_root / "export", m_root / "export-link");
            put(m_root / "export-changed" / "config.json", "precious");
            put(m_root / "config-elsewhere.json", "precious");
            fs::remove(m_root / "export-linked" / "config.json");
            fs::create_symlink("../config-elsewhere.json", m_root / "export-linked" / "config.json");
            put(m_root / "export-and-notes" / "notes.txt", "precious");
            put(m_root / "export-and-folder" / "figures" / "one.png", "precious");
            put(m_root / "forged" / kCertificateFile, R"({"halftone_certificate": 1, "files": {"../papers/notes.txt": "", "notes.txt": ""}})");
            put(m_root / "forged" / "notes.txt", "precious");
            Project::open(m_root / "other.halftone", tinyLlama())->setRecipe(tinyRecipe("{}"));
            return true;
        }();
        QVERIFY(made);
        const auto before = below(m_root);
        const QString said = refused(job(target.toStdString()));
        QVERIFY(!said.isEmpty());
        QVERIFY2(said.contains(QStringLiteral("is not replaced")) || said.contains(QStringLiteral("is no ")) || said.contains(QStringLiteral("is not written")), qPrintable(said));
        QVERIFY(below(m_root) == before);
    }

    void aModelThatIsAnExportItselfIsNotReplaced()
    {
        // Nothing but its place says that it is still needed.
        ExportJob dense = job(m_root / "dense", false);
        dense.format = "dense";
        QCOMPARE(refused(dense), QString());
        const auto project = Project::open(m_root / "q.halftone", m_root / "dense");
        SilentProgress progress;
        QuantizeJob again;
        again.model = m_root / "dense";
        again.recipe = tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})");
        again.text = tinyText();
        again.project = project;
        quantize(again, progress, {});
        ExportJob over = job(m_root / "dense");
        over.project = project;
        const auto before = below(m_root / "dense");
        QVERIFY(refused(over).contains(QStringLiteral("the source model")));
        QVERIFY(below(m_root / "dense") == before);
    }

    void theFolderThatTheProgramWorksInIsNotReplaced()
    {
        const fs::path out = m_root / "here";
        QCOMPARE(refused(job(out, false)), QString());
        const fs::path before = fs::current_path();
        fs::current_path(out);
        const QString said = refused(job(fs::path("..") / "here")), absolute = refused(job(out));
        fs::current_path(before);
        QVERIFY2(said.contains(QStringLiteral("works in")) && absolute.contains(QStringLiteral("works in")), qPrintable(said));
    }

    void anEarlierExportIsReplacedWhereThatIsAsked()
    {
        const fs::path out = m_root / "again";
        QCOMPARE(refused(job(out, false)), QString());
        const auto first = below(out);
        QVERIFY(refused(job(out, false)).contains(QStringLiteral("exists already")));
        ExportJob dense = job(out / "");
        dense.format = "dense";
        QCOMPARE(refused(dense), QString());
        QVERIFY(below(out) != first);
        QCOMPARE(refused(job(out)), QString());
        QVERIFY(below(out) == first);
        // Nothing is left beside it.
        for (const auto& entry : fs::directory_iterator(m_root))
            QVERIFY2(!entry.path().filename().string().starts_with("again.") && !entry.path().filename().string().starts_with(".again"), entry.path().c_str());
        const auto files = exportedFiles(out);
        QVERIFY(files.has_value());
        QCOMPARE(files->size(), first.size());
    }

    void anEmptyFolderIsFilled()
    {
        fs::create_directories(m_root / "empty");
        QCOMPARE(refused(job(m_root / "empty", false)), QString());
        QVERIFY(fs::exists(m_root / "empty" / kCertificateFile));
    }

    void whatAnOlderVersionSetAsideIsNamed()
    {
        const fs::path out = m_root / "cut-short";
        QCOMPARE(refused(job(out, false)), QString());
        fs::rename(out, m_root / "cut-short.old-1700000000000");
        const QString said = refused(job(out));
        QVERIFY2(said.contains(QStringLiteral("cut-short.old-1700000000000")), qPrintable(said));
        QVERIFY(fs::exists(m_root / "cut-short.old-1700000000000" / kCertificateFile));
    }
};

QTEST_GUILESS_MAIN(TestExportTarget)
#include "tst_export_target.moc"
