#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/project/block_file.h"
#include "core/project/run_edit.h"
#include "core/project/run_store.h"
#include "project_fixture.h"
#include "stored_blocks.h"

#include <QTest>

#include <chrono>
#include <cstring>
#include <iterator>
#include <random>
#include <string_view>
#include <thread>

using namespace halftone;

namespace {

std::string blockFile(const ProjectFixture& fixture, int block)
{
    const std::string stem = "/block-00" + std::to_string(block) + "-";
    for (const auto& [name, content] : fixture.files())
        if (name.starts_with("runs/") && name.find(stem) != std::string::npos)
            return name;
    return {};
}

template <typename Deed>
QString errorOf(ErrorKind kind, const Deed& deed)
{
    try {
        deed();
    } catch (const Error& e) {
        return e.kind() == kind ? QString::fromUtf8(e.what()) : QString();
    }
    return {};
}

} // namespace

class TestRunStore : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void blocksComeBackBitForBit_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("columns");
        QTest::newRow("small") << 12 << 48;
        QTest::newRow("odd count") << 3 << 45;
        QTest::newRow("one row") << 1 << 48;
        QTest::newRow("many chunks") << 700 << 960;
    }
    void blocksComeBackBitForBit()
    {
        QFETCH(int, rows);
        QFETCH(int, columns);
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            const RunInfo run = beginRun(*project, "{}", "print", 2);
            for (int i = 0; i < 2; ++i)
                storeBlock(*project, run.id, storedBlock(i, rows, columns));
        }
        const auto project = fixture.reopen(true);
        QCOMPARE(project->run("run-001").blocksDone, 2);
        for (int i = 0; i < 2; ++i)
            QVERIFY(sameBlock(loadBlock(*project, "run-001", i), storedBlock(i, rows, columns)));
    }

    /// What a stranger sends has the hash that he says: a block's file with any of its bytes changed is read or refused, and nothing else.
    void noByteOfABlockDoesHarm()
    {
        const std::vector<std::byte> image = blockImage(storedBlock(0));
        QVERIFY(sameBlock(readBlockImage(image, "x.h5", 0), [] {
            StoredBlock block = storedBlock(0);
            block.result.seconds = 0;
            block.result.peakBytes = 0;
            for (StoredLinear& linear : block.linears)
                linear.result.seconds = 0;
            return block;
        }()));
        std::mt19937_64 random(17);
        int refused = 0;
        for (int turn = 0; turn < 4000; ++turn) {
            std::vector<std::byte> changed = image;
            const std::uint64_t words[] = {0, 1, ~std::uint64_t{0}, std::uint64_t{1} << 31, std::uint64_t{1} << 63, random(), random() % image.size(), random() % 16};
            for (unsigned i = 0; i < 1 + random() % 2; ++i) {
                const std::size_t at = random() % (image.size() - 8), bytes = random() % 3 == 0 ? 8 : 1;
                std::memcpy(changed.data() + at, &words[random() % std::size(words)], bytes);
            }
            try {
                readBlockImage(changed, "some/x.h5", 0);
            } catch (const Error& e) {
                QVERIFY2(e.kind() == ErrorKind::BadFile && std::string_view(e.what()).starts_with("some/x.h5: "), e.what());
                ++refused;
            }
        }
        QVERIFY(refused > 400);
    }

    void codesOfFourBitsTakeHalfAByte()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        const RunInfo run = beginRun(*project, "{}", "print", 1);
        StoredBlock block = storedBlock(0, 512, 1536);
        block.linears.resize(1);   // 4 bits, groups of 16
        storeBlock(*project, run.id, block);
        const auto size = std::filesystem::file_size(fixture.folder() / blockFile(fixture, 0));
        const std::uintmax_t weights = 512 * 1536;
        QVERIFY2(size < weights / 2 + weights / 16 * 4 + 40'000, std::to_string(size).c_str());
    }

    void equalResultsGiveEqualFilesWhateverTheTimeTheyTook()
    {
        std::vector<std::string> names, contents;
        for (int i = 0; i < 2; ++i) {
            const ProjectFixture fixture;
            const auto project = fixture.open();
            const RunInfo run = beginRun(*project, "{}", "print", 1);
            StoredBlock block = storedBlock(0);
            block.result.seconds += i;
            block.result.peakBytes += static_cast<std::uint64_t>(i);
            for (StoredLinear& linear : block.linears)
                linear.result.seconds += i;
            storeBlock(*project, run.id, block);
            names.push_back(blockFile(fixture, 0));
            contents.push_back(ProjectFixture::content(fixture.folder() / names.back()));
            QVERIFY(names.back().find(sha256(contents.back()).substr(0, 12)) != std::string::npos);
            std::this_thread::sleep_for(std::chrono::milliseconds(1100));
        }
        QCOMPARE(names[0], names[1]);
        QVERIFY(contents[0] == contents[1]);
    }

    void aFinishedRunKeepsItsFiguresAndResults()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            RunInfo run = beginRun(*project, "{\"halftone_recipe\": 1}", "print", 2);
            storeBlock(*project, run.id, storedBlock(0));
            QCOMPARE(findResumable(*project, "print")->blocksDone, 1);
            storeBlock(*project, run.id, storedBlock(1));
            run.bitsPerWeight = 4.25;
            run.bytes = 1ull << 40;
            run.seconds = 12.5;
            run.peakBytes = 77;
            finishRun(*project, run);
            QVERIFY(!findResumable(*project, "print").has_value());
        }
        const auto project = fixture.reopen(true);
        const RunInfo run = project->run("");
        QCOMPARE(run.id, std::string("run-001"));
        QCOMPARE(run.state, std::string("done"));
        QCOMPARE(run.bitsPerWeight, 4.25);
        QCOMPARE(run.bytes, std::uint64_t(1) << 40);
        QCOMPARE(run.seconds, 12.5);
        QCOMPARE(run.peakBytes, std::uint64_t(77));
        QCOMPARE(run.created.size(), std::size_t(20));
        const auto results = project->results("run-001");
        QCOMPARE(results.size(), std::size_t(2));
        for (int i = 0; i < 2; ++i) {
            const StoredBlock wanted = storedBlock(i);
            const BlockResult& got = results[static_cast<std::size_t>(i)];
            QCOMPARE(got.seconds, wanted.result.seconds);
            QCOMPARE(got.linears.size(), wanted.linears.size());
            for (std::size_t k = 0; k < got.linears.size(); ++k)
                QVERIFY(sameResult(got.linears[k], wanted.linears[k].result));
        }
    }

    void aDamagedBlockIsABadFileThatIsNamed_data()
    {
        QTest::addColumn<QString>("fault");
        for (const char* fault : {"bit", "cut", "longer", "missing", "link", "other HDF5"})
            QTest::newRow(fault) << fault;
    }
    void aDamagedBlockIsABadFileThatIsNamed()
    {
        QFETCH(QString, fault);
        const ProjectFixture fixture;
        const auto project = fixture.open();
        const RunInfo run = beginRun(*project, "{}", "print", 2);
        storeBlock(*project, run.id, storedBlock(0));
        storeBlock(*project, run.id, storedBlock(1));
        const std::string name = blockFile(fixture, 0);
        const auto path = fixture.folder() / name;
        std::string bytes = ProjectFixture::content(path);
        if (fault == "bit")
            bytes[bytes.size() / 3] = static_cast<char>(bytes[bytes.size() / 3] ^ 0x10);
        else if (fault == "cut")
            bytes.resize(bytes.size() - 1);
        else if (fault == "longer")
            bytes += 'x';
        else if (fault == "other HDF5")
            bytes = ProjectFixture::content(fixture.folder() / blockFile(fixture, 1));
        std::filesystem::remove(path);
        if (fault == "link") {
            ProjectFixture::write(fixture.root() / "elsewhere", bytes);
            std::filesystem::create_symlink(fixture.root() / "elsewhere", path);
        } else if (fault != "missing") {
            ProjectFixture::write(path, bytes);
        }
        try {
            loadBlock(*project, run.id, 0);
            QFAIL("it was read");
        } catch (const Error& e) {
            QVERIFY2(e.kind() == ErrorKind::BadFile, e.what());
            QVERIFY2(QString(e.what()).contains(QString::fromStdString(name)), e.what());
        }
        QVERIFY(sameBlock(loadBlock(*project, run.id, 1), storedBlock(1)));
        // A run whose file is gone or of another size goes on from there; its block may be stored anew.
        if (fault != "bit" && fault != "other HDF5")
            QCOMPARE(findResumable(*project, "print")->blocksDone, 0);
        std::filesystem::remove(path);
        storeBlock(*project, run.id, storedBlock(0));
        QVERIFY(sameBlock(loadBlock(*project, run.id, 0), storedBlock(0)));
        QCOMPARE(project->run(run.id).blocksDone, 2);
    }

    void blocksThatDoNotExistAreRefused()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        const RunInfo run = beginRun(*project, "{}", "print", 2);
        QVERIFY_EXCEPTION_THROWN(loadBlock(*project, run.id, 0), Error);
        QVERIFY_EXCEPTION_THROWN(loadBlock(*project, "run-007", 0), Error);
        QVERIFY_EXCEPTION_THROWN(storeBlock(*project, run.id, storedBlock(2)), Error);
        QVERIFY_EXCEPTION_THROWN(storeBlock(*project, "run-007", storedBlock(0)), Error);
        QVERIFY_EXCEPTION_THROWN(beginRun(*project, "{}", "print", 0), Error);
        StoredBlock wrong = storedBlock(0);
        wrong.linears[0].weight->codes = wrong.linears[0].weight->codes.to(at::kInt);
        QVERIFY_EXCEPTION_THROWN(storeBlock(*project, run.id, wrong), Error);
        QCOMPARE(project->run(run.id).blocksDone, 0);
        QVERIFY(blockFile(fixture, 0).empty());
    }

    void runsAreListedAndFoundByName()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { project->run(""); }).contains("no finished run"));
        const RunInfo first = beginRun(*project, "{\"halftone_recipe\": 1}", "print-1", 2);
        const RunInfo second = beginRun(*project, "{}", "print-2", 2);
        QCOMPARE(first.id, std::string("run-001"));
        QCOMPARE(second.id, std::string("run-002"));
        QCOMPARE(project->runs().size(), std::size_t(2));
        QCOMPARE(project->run("run-001").recipeJson, std::string("{\"halftone_recipe\": 1}"));
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { project->run("run-9"); }).contains("run-002"));
        QVERIFY(errorOf(ErrorKind::BadFile, [&] { project->run(""); }).contains("0 of 2 blocks"));
        QCOMPARE(findResumable(*project, "print-1")->id, std::string("run-001"));
        QVERIFY(!findResumable(*project, "print-3").has_value());
        QVERIFY(!errorOf(ErrorKind::InvalidArgument, [&] { finishRun(*project, first); }).isEmpty());
    }

    void aRunKeepsWhatItWasComputedFromAndWhatAPersonCallsIt()
    {
        const ProjectFixture fixture;
        const RunInputs inputs{"numerics", "model", "/texts/f\xfcr.txt", "tokens", "products"};   // a name in Latin-1
        {
            const auto project = fixture.open();
            beginRun(*project, "{}", "print-1", 2);
            beginRun(*project, "{}", "print-2", 2, inputs);
            labelRun(*project, "run-002", "the good one", "kept for the talk");
        }
        const auto project = fixture.reopen(true);
        QVERIFY(!project->run("run-001").inputs.known());
        const RunInfo run = project->run("run-002");
        QCOMPARE(run.inputs.code + run.inputs.model + run.inputs.text + run.inputs.tokens + run.inputs.products,
            inputs.code + inputs.model + inputs.text + inputs.tokens + inputs.products);
        QCOMPARE(run.name, std::string("the good one"));
        QCOMPARE(run.note, std::string("kept for the talk"));
    }

    void aProjectThatIsReadOnlyTakesNoRun()
    {
        const ProjectFixture fixture;
        const auto first = fixture.open();
        const RunInfo run = beginRun(*first, "{}", "print", 1);
        const auto second = fixture.reopen();
        QVERIFY(second->readOnly());
        QVERIFY(errorOf(ErrorKind::Io, [&] { beginRun(*second, "{}", "print", 1); }).contains("read-only"));
        QVERIFY(errorOf(ErrorKind::Io, [&] { storeBlock(*second, run.id, storedBlock(0)); }).contains("read-only"));
        QVERIFY(errorOf(ErrorKind::Io, [&] { finishRun(*second, run); }).contains("read-only"));
        QCOMPARE(first->runs().size(), std::size_t(1));
    }

    void filesThatNobodyNamesAreCollectedAndOthersAreKept()
    {
        const ProjectFixture fixture;
        {
            const auto project = fixture.open();
            storeBlock(*project, beginRun(*project, "{}", "print", 2).id, storedBlock(0));
        }
        const std::string kept = blockFile(fixture, 0);
        const auto runs = fixture.folder() / "runs" / "run-001";
        ProjectFixture::write(runs / "block-001-0123456789ab.h5", "left by a kill before the manifest");
        ProjectFixture::write(runs / "notes.txt", "a person's");
        ProjectFixture::write(runs / ".block-001-0123456789ab.h5.2147480000-0.part", "left by a dead process");
        ProjectFixture::write(runs / ".block-001-0123456789ab.h5.2147480000-1.part", "young");
        std::filesystem::last_write_time(runs / ".block-001-0123456789ab.h5.2147480000-0.part",
            std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
        fixture.reopen(true);
        QCOMPARE(fixture.files().size(), std::size_t(7));
        fixture.reopen(false);
        const auto files = fixture.files();
        QVERIFY(files.contains(kept));
        QVERIFY(files.contains("runs/run-001/notes.txt"));
        QVERIFY(files.contains("runs/run-001/.block-001-0123456789ab.h5.2147480000-1.part"));
        QCOMPARE(files.size(), std::size_t(5));
    }
};

QTEST_APPLESS_MAIN(TestRunStore)
#include "tst_run_store.moc"
