#include "tiny_model.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model/model.h"
#include "core/project/block_file.h"
#include "core/project/run_store.h"
#include "core/text/tokenizer.h"

#include <QtTest>

#include <fstream>
#include <functional>
#include <random>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace halftone;
using namespace halftone::testing;

namespace fs = std::filesystem;

namespace {

constexpr int kRounds = 2000;
constexpr unsigned kSeconds = 240;             // for all rounds of a kind; one hang is enough to miss it
constexpr rlim_t kMoreMemory = rlim_t{1} << 30;

std::string contentOf(const fs::path& file)
{
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void put(const fs::path& file, const std::string& content)
{
    fs::remove(file);
    std::ofstream(file, std::ios::binary) << content;
}

/// One to three damages: flipped bits, other characters of the same kind, numbers brought to extremes, cut, doubled and lost stretches.
std::string mutated(const std::string& good, std::mt19937& random, bool text)
{
    static constexpr std::uint64_t kAwkward[] = {0, 1, 255, 0x7fffffff, 0xffffffff, std::uint64_t{1} << 62, std::uint64_t{1} << 63, UINT64_MAX};
    static constexpr std::string_view kNumbers[] = {"-1", "0", "1e308", "99999999999", "9223372036854775807", "18446744073709551616", "0.1", "null", "[]", "{}", "\"\"", "true"};
    static constexpr std::string_view kSigns = "{}[],:\"\\0123456789-eE.ntf \xff";
    std::string bytes = good;
    for (unsigned n = 1 + random() % 3; n > 0 && !bytes.empty(); --n) {
        const std::size_t at = random() % bytes.size();
        switch (random() % 9) {
        case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); break;
        case 1: bytes[at] = static_cast<char>(random()); break;
        case 2: bytes[at] = kSigns[random() % kSigns.size()]; break;
        case 3: bytes.resize(at); break;
        case 4: bytes.erase(at, 1 + random() % 40); break;
        case 5: bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 200)); break;
        case 6: bytes.insert(at, 1 + random() % 70, text ? "[{"[random() % 2] : '\0'); break;
        default:
            if (!text) {
                const std::uint64_t value = kAwkward[random() % std::size(kAwkward)];
                const std::size_t width = std::min<std::size_t>(std::size_t{1} << random() % 4, bytes.size() - at);
                bytes.replace(at, width, reinterpret_cast<const char*>(&value), width);
            } else if (const std::size_t digit = bytes.find_first_of("0123456789", at); digit != std::string::npos) {
                const std::size_t end = std::min(bytes.size(), bytes.find_first_not_of("0123456789.", digit));
                bytes.replace(digit, end - digit, kNumbers[random() % std::size(kNumbers)]);
            }
        }
    }
    return bytes;
}

} // namespace

/// Seeded damage to each kind of file that Halftone reads beside the weights (those: mutated_headers). What comes of it is a value or an Error, in
/// bounded time and memory, in a process that stays alive.
class TestMutatedFiles : public QObject {
    Q_OBJECT

    using Use = std::function<void(const std::string& bytes)>;

    /// All rounds in a child with limits. What goes wrong is said by round, so that it can be made again.
    static void hammer(const std::string& good, bool text, const Use& use)
    {
        int ends[2];
        QCOMPARE(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(ends[0]);
            const int accepted = rounds(good, text, use, ends[1]);
            ::_exit(accepted < 0 ? 1 : accepted == kRounds ? 2 : 0);
        }
        ::close(ends[1]);
        std::string said;
        for (char c = 0; ::read(ends[0], &c, 1) == 1;)
            said += c;
        ::close(ends[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        const std::string last = said.substr(said.find_last_of('\n', said.size() < 2 ? 0 : said.size() - 2) + 1);
        QVERIFY2(!WIFSIGNALED(status), qPrintable(QString("signal %1 in %2").arg(WTERMSIG(status)).arg(QString::fromStdString(last))));
        QVERIFY2(WEXITSTATUS(status) != 2, "every damaged file was taken for good: the damage did not reach the reader");
        QVERIFY2(WEXITSTATUS(status) == 0, last.c_str());
    }

    /// @return how many were accepted, −1 after saying what went wrong.
    static int rounds(const std::string& good, bool text, const Use& use, int pipe)
    {
        const auto say = [&](const std::string& line) { static_cast<void>(!::write(pipe, line.data(), line.size())); };
        long pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        const rlim_t most = static_cast<rlim_t>(pages) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + kMoreMemory;
        const rlimit memory{most, most}, core{0, 0};
        ::setrlimit(RLIMIT_AS, &memory);
        ::setrlimit(RLIMIT_CORE, &core);
        ::alarm(kSeconds);
        int accepted = 0;
        for (int round = -1; round < kRounds; ++round) {   // −1: the good file
            std::mt19937 random(static_cast<unsigned>(20261124 + round));
            if (round >= 0)
                say("round " + std::to_string(round) + "\n");
            try {
                use(round < 0 ? good : mutated(good, random, text));
                accepted += round >= 0;
            } catch (const Error& e) {
                if (round < 0 || (e.kind() != ErrorKind::BadFile && e.kind() != ErrorKind::Unsupported) || std::string_view(e.what()).size() < 8) {
                    say("round " + std::to_string(round) + ": " + e.what() + "\n");
                    return -1;
                }
            } catch (const std::exception& e) {
                say("round " + std::to_string(round) + ": not an Error: " + e.what() + "\n");
                return -1;
            }
        }
        return accepted;
    }

    /// A copy of the tiny model with one file to be damaged.
    struct ModelCopy {
        QTemporaryDir folder;
        fs::path path = folder.path().toStdString();
        ModelCopy() { fs::copy(tinyLlama(), path, fs::copy_options::recursive | fs::copy_options::overwrite_existing); }
    };

private Q_SLOTS:
    void config()
    {
        const ModelCopy model;
        hammer(contentOf(model.path / "config.json"), true, [&](const std::string& bytes) {
            put(model.path / "config.json", bytes);
            Model::open(model.path)->describe();
        });
    }

    void tokenizer()
    {
        const ModelCopy model;
        hammer(contentOf(model.path / "tokenizer.json"), true, [&](const std::string& bytes) {
            put(model.path / "tokenizer.json", bytes);
            const auto tokenizer = Tokenizer::openFolder(model.path);
            const auto ids = tokenizer->encode("It has 12 wheels, naïve ones — 車輪!\n\n  and\ttabs", true);
            tokenizer->decode(ids);
        });
    }

    void shardIndex()
    {
        const ModelCopy model;
        fs::rename(model.path / "model.safetensors", model.path / "model-00001-of-00001.safetensors");
        std::string map;
        for (const auto& tensor : Model::open(tinyLlama())->tensors())
            map += (map.empty() ? "\"" : ", \"") + tensor.name + "\": \"model-00001-of-00001.safetensors\"";
        hammer("{\"metadata\": {\"total_size\": 100}, \"weight_map\": {" + map + "}}", true, [&](const std::string& bytes) {
            put(model.path / "model.safetensors.index.json", bytes);
            Model::open(model.path);
        });
    }

    void recipe()
    {
        const std::string good = tinyRecipe(R"({"weights": {"bits": 4, "group": 32}, "rounding": {"method": "gptq", "damping": 0.01},
            "activations": {"scheme": "cross", "bits": 8, "alpha": 0.15}})", R"([{"match": "*.{q,k}_proj", "weights": {"bits": 8}}])").toJson();
        const ModelDescription model = describeModel(tinyLlama(), false);
        hammer(good, true, [&](const std::string& bytes) { resolve(Recipe::parse(bytes, "r.json"), model); });
    }

    void manifest()
    {
        QTemporaryDir folder;
        quantizeTinyInChild(folder);
        const fs::path path = fs::path(folder.path().toStdString()) / "p.halftone";
        hammer(contentOf(path / "manifest.json"), true, [&](const std::string& bytes) {
            put(path / "manifest.json", bytes);
            const auto project = Project::openExisting(path, true);
            project->recipe();
            project->analysis();
            for (const RunInfo& run : project->runs()) {
                project->results(run.id);
                for (int block = 0; block < std::min(run.blocks, 4); ++block)
                    loadBlock(*project, run.id, block);
            }
        });
    }

    void journal()
    {
        QTemporaryDir folder;
        const fs::path path = fs::path(folder.path().toStdString()) / "p.halftone";
        {
            const auto project = newProject(folder);
            for (int bits : {3, 4, 8})
                project->setRecipe(tinyRecipe("{\"weights\": {\"bits\": " + std::to_string(bits) + "}}"));
            project->sync();
            fs::copy_file(path / "journal.log", path / "cut");   // closing folds it into the manifest
        }
        const std::string good = contentOf(path / "cut");
        QVERIFY(good.size() > 100);
        // A damaged journal is never an error: whole lines count, the rest is put aside.
        std::mt19937 random(1);
        for (int round = 0; round < kRounds; ++round) {
            put(path / "journal.log", mutated(good, random, false));
            const auto project = Project::openExisting(path, true);
            QVERIFY(!project->runs().size());
        }
    }

    void blockFile()
    {
        QTemporaryDir folder;
        quantizeTinyInChild(folder);
        fs::path file;
        for (const auto& entry : fs::recursive_directory_iterator(folder.path().toStdString()))
            if (entry.path().extension() == ".h5")
                file = entry.path();
        const int block = std::stoi(file.filename().string().substr(6, 3));
        hammer(contentOf(file), false, [&](const std::string& bytes) {
            std::vector<std::byte> image(bytes.size());
            std::memcpy(image.data(), bytes.data(), bytes.size());
            readBlockImage(image, "block.h5", block);
        });
    }

private:
    /// Compute threads must not be alive when hammer() forks: the run has a process of its own.
    static void quantizeTinyInChild(const QTemporaryDir& folder)
    {
        const pid_t child = ::fork();
        if (child == 0) {
            try {
                quantizeTiny(newProject(folder), tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})"));
            } catch (const std::exception& e) {
                std::fprintf(stderr, "%s\n", e.what());
                ::_exit(1);
            }
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        QCOMPARE(status, 0);
    }
};

QTEST_GUILESS_MAIN(TestMutatedFiles)
#include "tst_mutated_files.moc"
