#include "tiny_model.h"

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/checkpoint/safetensors_writer.h"
#include "core/exporting/export_job.h"
#include "core/model/compressed_model.h"
#include "core/model/model.h"
#include "core/project/quantized_model.h"
#include "core/recipe/packed_format.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

using namespace halftone;
using namespace halftone::testing;

class TestExportJob : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everySchemeIsReadBackBitForBit_data();
    void everySchemeIsReadBackBitForBit();
    void theSizeSaidIsTheSizeWritten_data() { everySchemeIsReadBackBitForBit_data(); }
    void theSizeSaidIsTheSizeWritten();
    void theSameRunGivesTheSameBytes();
    void denseOpensAsAPlainModel();
    void whatCannotBeExpressedIsRefusedBeforeWriting_data();
    void whatCannotBeExpressedIsRefusedBeforeWriting();
    void aRoundedCacheIsWrittenOrSaidToStayBehind_data();
    void aRoundedCacheIsWrittenOrSaidToStayBehind();
    void companionsTravelOrAreNamed();
    void codeIsNoLongerAskedFor();
    void linksOutOfTheModelStayBehind();
    void whatStaysFloatIsNeverWiderThanItsSource_data();
    void whatStaysFloatIsNeverWiderThanItsSource();
    void formatsSayTheSameBeforeARunAsAfterIt();
    void anExistingFolderIsNotReplacedUnasked();
    void cancelledItLeavesNothing();
    void whatIsOnDiskDifferentlyIsNeverPutInPlace_data();
    void whatIsOnDiskDifferentlyIsNeverPutInPlace();

private:
    static ExportJob jobFor(const std::shared_ptr<Project>& project, const QTemporaryDir& folder, const std::string& format = "compressed-tensors")
    {
        ExportJob job;
        job.project = project;
        job.format = format;
        job.out = std::filesystem::path(folder.path().toStdString()) / "out";
        job.dtype = "f32";
        return job;
    }
    static std::map<std::string, std::string> hashesBelow(const std::filesystem::path& folder)
    {
        std::map<std::string, std::string> hashes;
        for (const auto& entry : std::filesystem::directory_iterator(folder))
            hashes[entry.path().filename().string()] = sha256File(entry.path());
        return hashes;
    }
};

void TestExportJob::everySchemeIsReadBackBitForBit_data()
{
    QTest::addColumn<QString>("defaults");
    QTest::addColumn<QString>("rules");
    const QString none = QStringLiteral("[]");
    QTest::newRow("4 bits, groups") << R"({"weights": {"bits": 4, "group": 32}})" << none;
    QTest::newRow("4 bits, channels") << R"({"weights": {"bits": 4}})" << none;
    QTest::newRow("2 bits, groups") << R"({"weights": {"bits": 2, "group": 16}})" << none;
    QTest::newRow("8 bits, groups") << R"({"weights": {"bits": 8, "group": 32}})" << none;
    QTest::newRow("8 bits, full range") << R"({"weights": {"bits": 8, "range": "full"}})" << none;
    QTest::newRow("4 bits, asymmetric") << R"({"weights": {"bits": 4, "group": 32, "symmetric": false}})" << none;
    QTest::newRow("W8A8 per token") << R"({"weights": {"bits": 8}, "activations": {"scheme": "per_token", "bits": 8}})" << none;
    QTest::newRow("W8A8 static") << R"({"weights": {"bits": 8}, "activations": {"scheme": "per_tensor", "bits": 8}})" << none;
    QTest::newRow("mixed") << R"({"weights": {"bits": 4, "group": 32}})"
                           << R"([{"match": "*.down_proj", "weights": {"bits": 8, "group": 0}, "activations": {"scheme": "per_token", "bits": 8}},
                                  {"match": "*.o_proj", "weights": {"bits": 16}}])";
}

void TestExportJob::everySchemeIsReadBackBitForBit()
{
    QFETCH(QString, defaults);
    QFETCH(QString, rules);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const QuantizeResult run = quantizeTiny(project, tinyRecipe(defaults.toStdString(), rules.toStdString()));
    SilentProgress progress;
    const ExportJob job = jobFor(project, folder);
    const ExportResult result = exportRun(job, progress, {});
    QVERIFY(isCompressedTensors(job.out));
    const at::NoGradGuard noGrad;
    const auto model = Model::open(tinyLlama());
    const auto meant = openRun(model, project, run.run.id);
    const auto read = openCompressedTensors(job.out);
    for (int b = 0; b < model->config().blocks; ++b) {
        const DecoderBlock left = meant->block(b);
        const DecoderBlock right = read->block(b);
        for (std::size_t i = 0; i < left.linears().size(); ++i) {
            QVERIFY2(at::equal(left.linears()[i].weight, right.linears()[i].weight), left.linears()[i].info.name.c_str());
            QCOMPARE(static_cast<bool>(left.linears()[i].input), static_cast<bool>(right.linears()[i].input));
        }
    }
    const Json certificate = parseJson(result.certificate, "certificate");
    for (const auto& [file, hash] : certificate.at("files").items())
        QCOMPARE(sha256File(job.out / file), hash.get<std::string>());
    QCOMPARE(certificate.at("tensors").size(), model->tensors().size());
}

/// Bytes of the safetensors file's tensors, after its header.
static std::uint64_t tensorBytesOf(const std::filesystem::path& folder)
{
    const std::filesystem::path path = folder / "model.safetensors";
    std::ifstream file(path, std::ios::binary);
    std::uint64_t header = 0;
    file.read(reinterpret_cast<char*>(&header), sizeof header);
    return std::filesystem::file_size(path) - sizeof header - header;
}

void TestExportJob::theSizeSaidIsTheSizeWritten()
{
    QFETCH(QString, defaults);
    QFETCH(QString, rules);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const Recipe recipe = tinyRecipe(defaults.toStdString(), rules.toStdString());
    const QuantizeResult run = quantizeTiny(project, recipe);
    const ModelDescription model = describeModel(tinyLlama(), false);
    const std::vector<ResolvedPlan> plans = resolve(recipe, model);
    QCOMPARE(run.run.bytes, estimateSize(plans, model).bytes);
    SilentProgress progress;
    for (const char* dtype : {"auto", "bf16", "f16", "f32"}) {
        const SizeEstimate size = estimateSize(plans, model, dtype);
        ExportJob job = jobFor(project, folder);
        job.dtype = dtype;
        job.overwrite = true;
        exportRun(job, progress, {});
        QCOMPARE(tensorBytesOf(job.out), size.bytes);
        job.format = "dense";
        exportRun(job, progress, {});
        QCOMPARE(tensorBytesOf(job.out), size.denseBytes);
    }
}

void TestExportJob::theSameRunGivesTheSameBytes()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    quantizeTiny(project, tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})"));
    SilentProgress progress;
    ExportJob job = jobFor(project, folder);
    exportRun(job, progress, {});
    const auto first = hashesBelow(job.out);
    job.overwrite = true;
    exportRun(job, progress, {});
    QCOMPARE(hashesBelow(job.out), first);
    QVERIFY(first.size() >= 4);
}

void TestExportJob::denseOpensAsAPlainModel()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const QuantizeResult run = quantizeTiny(project, tinyRecipe(R"({"weights": {"bits": 3, "group": 32}})"));
    SilentProgress progress;
    const ExportJob job = jobFor(project, folder, "dense");
    exportRun(job, progress, {});
    const auto model = Model::open(tinyLlama());
    const auto exported = Model::open(job.out);
    const auto meant = openRun(model, project, run.run.id);
    for (const LinearInfo& linear : model->linears())
        QVERIFY2(at::equal(exported->weight(linear.name + ".weight"), meant->block(linear.block).linear(linear.name).weight), linear.name.c_str());
    QVERIFY(!isCompressedTensors(job.out));
}

void TestExportJob::whatCannotBeExpressedIsRefusedBeforeWriting_data()
{
    QTest::addColumn<QString>("defaults");
    QTest::addColumn<QString>("says");
    QTest::newRow("3 bits") << R"({"weights": {"bits": 3, "group": 32}})" << "3-bit";
    QTest::newRow("CrossQuant") << R"({"weights": {"bits": 8}, "activations": {"scheme": "cross", "bits": 8}})" << "cross";
    QTest::newRow("activations alone") << R"({"activations": {"scheme": "per_token", "bits": 8}})" << "weight";
}

void TestExportJob::whatCannotBeExpressedIsRefusedBeforeWriting()
{
    QFETCH(QString, defaults);
    QFETCH(QString, says);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    quantizeTiny(project, tinyRecipe(defaults.toStdString()));
    SilentProgress progress;
    const ExportJob job = jobFor(project, folder);
    QVERIFY(!checkExport(job).empty());
    try {
        exportRun(job, progress, {});
        QFAIL("no error");
    } catch (const Error& e) {
        QCOMPARE(e.kind(), ErrorKind::Unsupported);
        QVERIFY2(QString::fromUtf8(e.what()).contains(says), e.what());
    }
    QVERIFY(!std::filesystem::exists(job.out));
}

void TestExportJob::aRoundedCacheIsWrittenOrSaidToStayBehind_data()
{
    QTest::addColumn<QString>("format");
    QTest::addColumn<QString>("cache");
    QTest::addColumn<bool>("written");
    QTest::addColumn<QString>("says");
    const QString served = QStringLiteral(R"({"scheme": "per_token_head", "bits": 4})");
    QTest::newRow("a range a head") << "compressed-tensors" << served << true << "vLLM refuses";
    QTest::newRow("symmetric") << "compressed-tensors" << R"({"scheme": "per_token_head", "bits": 8, "symmetric": true})" << true << "vLLM refuses";
    QTest::newRow("a range a token") << "compressed-tensors" << R"({"scheme": "per_token", "bits": 8})" << false << "use per_token_head";
    QTest::newRow("before the rotation") << "compressed-tensors" << R"({"scheme": "per_token_head", "bits": 8, "position": "pre_rope"})" << false << "post_rope";
    QTest::newRow("dense") << "dense" << served << false << "dense weights cannot carry the KV-cache grid";
}

void TestExportJob::aRoundedCacheIsWrittenOrSaidToStayBehind()
{
    QFETCH(QString, format);
    QFETCH(QString, cache);
    QFETCH(bool, written);
    QFETCH(QString, says);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Recipe recipe = tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})");
    recipe.kvCache = Recipe::parse(R"({"halftone_recipe": 1, "kv_cache": )" + cache.toStdString() + "}", "cache").kvCache;
    const QuantizeResult run = quantizeTiny(project, recipe);
    const ExportJob job = jobFor(project, folder, format.toStdString());
    const std::vector<ContractIssue> issues = checkExport(job);   // said before anything is written
    QVERIFY(std::any_of(issues.begin(), issues.end(), [&](const ContractIssue& issue) {
        return !issue.fatal && issue.linear.empty() && issue.reason.find(says.toStdString()) != std::string::npos;
    }));
    SilentProgress progress;
    const ExportResult result = exportRun(job, progress, {});
    const Json certificate = parseJson(result.certificate, "certificate");
    QCOMPARE(certificate.at("kv_cache").get<std::string>(), written ? std::string("rounded as in the run") : std::string("float, though rounded in the run"));
    if (format != QLatin1String("compressed-tensors"))
        return;
    const Json scheme = readJsonFile(job.out / "config.json").at("quantization_config").at("kv_cache_scheme");
    QCOMPARE(scheme.is_null(), !written);
    const auto exported = openCompressedTensors(job.out);
    QCOMPARE(exported->block(0).kvCache != nullptr, written);
    if (!written)
        return;
    QCOMPARE(scheme.at("num_bits").get<int>(), recipe.kvCache.bits);
    QCOMPARE(scheme.at("symmetric").get<bool>(), recipe.kvCache.symmetric);
    // What is read back rounds as the run does.
    const auto meant = openRun(Model::open(tinyLlama()), project, run.run.id);
    const std::vector<std::vector<std::int32_t>> ids{{3, 1, 4, 1, 5, 9, 2, 6}};
    at::Tensor a = meant->embed(ids), b = exported->embed(ids);
    for (int i = 0; i < meant->config().blocks; ++i) {
        a = meant->block(i).forward(a);
        b = exported->block(i).forward(b);
    }
    QVERIFY(at::equal(a, b));
}

/// A copy of the tiny model, and a project of it with a run.
static std::filesystem::path copyOfTheModel(const QTemporaryDir& folder)
{
    const std::filesystem::path copy = std::filesystem::path(folder.path().toStdString()) / "model";
    std::filesystem::copy(tinyLlama(), copy);
    return copy;
}

static std::shared_ptr<Project> projectWithARun(const QTemporaryDir& folder, const std::filesystem::path& model)
{
    const auto project = Project::open(std::filesystem::path(folder.path().toStdString()) / "copy.halftone", model);
    SilentProgress progress;
    QuantizeJob job;
    job.model = model;
    job.recipe = tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})");
    job.text = tinyText();
    job.project = project;
    quantize(job, progress, {});
    return project;
}

static void writeText(const std::filesystem::path& file, const std::string& text)
{
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

void TestExportJob::companionsTravelOrAreNamed()
{
    QTemporaryDir folder;
    const std::filesystem::path model = copyOfTheModel(folder);
    const std::map<std::string, std::string> travel{{"LICENSE", "do as you like\n"}, {"NOTICE.txt", "made by them\n"}, {"README.md", "# Tiny\n"},
        {"additional_chat_templates/tool_use.jinja", "{{ tools }}"}, {"chat_template.jinja", "{{ messages }}"}, {"generation_config.json", "{\"top_p\": 0.9}"},
        {"preprocessor_config.json", "{\"size\": 224}"}};
    for (const auto& [name, text] : travel)
        writeText(model / name, text);
    const std::vector<std::string> stay{"modeling_tiny.py", "pytorch_model.bin", "adapter_config.json", ".gitattributes", "mystery.dat"};
    for (const std::string& name : stay)
        writeText(model / name, "x");
    writeText(model / "onnx/model.onnx", "x");
    const auto project = projectWithARun(folder, model);
    SilentProgress progress;
    ExportJob job = jobFor(project, folder);
    const ExportResult result = exportRun(job, progress, {});
    for (const auto& [name, text] : travel) {
        QVERIFY2(std::find(result.files.begin(), result.files.end(), name) != result.files.end(), name.c_str());
        std::ifstream file(job.out / name);
        QCOMPARE(std::string(std::istreambuf_iterator<char>(file), {}), text);
    }
    std::set<std::string> left;
    for (const LeftBehind& one : result.left) {
        left.insert(one.name);
        QVERIFY(!one.reason.empty());
    }
    for (const std::string& name : stay) {
        QVERIFY2(left.contains(name), name.c_str());
        QVERIFY(!std::filesystem::exists(job.out / name));
    }
    QVERIFY(left.contains("onnx/") && !std::filesystem::exists(job.out / "onnx"));
    QVERIFY(!left.contains("model.safetensors") && !left.contains("config.json"));
    const Json certificate = parseJson(result.certificate, "certificate");
    QCOMPARE(certificate.at("left_behind").size(), result.left.size());
    QVERIFY(certificate.at("files").contains("additional_chat_templates/tool_use.jinja"));
    job.overwrite = true;   // folders of an earlier export are no obstacle
    exportRun(job, progress, {});
    QVERIFY(std::filesystem::exists(job.out / "additional_chat_templates/tool_use.jinja"));
}

void TestExportJob::codeIsNoLongerAskedFor()
{
    QTemporaryDir folder;
    const std::filesystem::path model = copyOfTheModel(folder);
    Json config = readJsonFile(model / "config.json");
    config["auto_map"] = {{"AutoModelForCausalLM", "modeling_tiny.TinyForCausalLM"}};
    writeText(model / "config.json", config.dump());
    Json tokenizer = readJsonFile(model / "tokenizer_config.json");
    tokenizer["auto_map"] = {{"AutoTokenizer", {"tokenization_tiny.TinyTokenizer", nullptr}}};
    writeText(model / "tokenizer_config.json", tokenizer.dump());
    const auto project = projectWithARun(folder, model);
    SilentProgress progress;
    for (const char* format : {"compressed-tensors", "dense"}) {
        ExportJob job = jobFor(project, folder, format);
        job.out += format;
        const ExportResult result = exportRun(job, progress, {});
        int said = 0;
        for (const char* name : {"config.json", "tokenizer_config.json"}) {
            QVERIFY(!readJsonFile(job.out / name).contains("auto_map"));
            for (const LeftBehind& left : result.left)
                said += left.name == std::string(name) + ": auto_map";
        }
        QCOMPARE(said, 2);
        tokenizer.erase("auto_map");
        QCOMPARE(readJsonFile(job.out / "tokenizer_config.json"), tokenizer);
    }
}

void TestExportJob::linksOutOfTheModelStayBehind()
{
    QTemporaryDir folder;
    const std::filesystem::path root = folder.path().toStdString();
    // As the hub's cache lies: a snapshot of links to blobs.
    const std::filesystem::path snapshot = root / "models--x--tiny/snapshots/0123", blobs = root / "models--x--tiny/blobs";
    std::filesystem::create_directories(snapshot);
    std::filesystem::create_directories(blobs);
    int number = 0;
    for (const auto& entry : std::filesystem::directory_iterator(tinyLlama())) {
        const std::filesystem::path blob = blobs / std::to_string(number++);
        std::filesystem::copy_file(entry.path(), blob);
        std::filesystem::create_symlink(std::filesystem::path("../../blobs") / blob.filename(), snapshot / entry.path().filename());
    }
    writeText(root / "secret.txt", "of somebody else");
    std::filesystem::create_symlink(root / "secret.txt", snapshot / "LICENSE");
    const auto project = projectWithARun(folder, snapshot);
    SilentProgress progress;
    const ExportJob job = jobFor(project, folder);
    const ExportResult result = exportRun(job, progress, {});
    QVERIFY(std::filesystem::exists(job.out / "tokenizer.json"));
    QVERIFY(!std::filesystem::exists(job.out / "LICENSE"));
    QVERIFY(std::any_of(result.left.begin(), result.left.end(), [](const LeftBehind& left) { return left.name == "LICENSE" && left.reason.find("link") != std::string::npos; }));
}

void TestExportJob::whatStaysFloatIsNeverWiderThanItsSource_data()
{
    QTest::addColumn<QString>("stored");
    QTest::addColumn<QString>("written");
    QTest::addColumn<bool>("exact");   // the values are bf16's, as the tiny model has them
    QTest::newRow("F32") << "F32" << "BF16" << true;
    QTest::newRow("F32, finer than bf16") << "F32" << "BF16" << false;
    QTest::newRow("F16") << "F16" << "F16" << true;
    QTest::newRow("BF16") << "BF16" << "BF16" << true;
}

void TestExportJob::whatStaysFloatIsNeverWiderThanItsSource()
{
    QFETCH(QString, stored);
    QFETCH(QString, written);
    QFETCH(bool, exact);
    QTemporaryDir folder;
    const std::filesystem::path model = copyOfTheModel(folder);
    // The same weights in another type.
    const std::map<QString, std::pair<DType, at::ScalarType>> types{{"F32", {DType::F32, at::kFloat}}, {"F16", {DType::F16, at::kHalf}}, {"BF16", {DType::BF16, at::kBFloat16}}};
    const auto [dtype, scalar] = types.at(stored);
    {
        const auto source = Model::open(tinyLlama());
        std::vector<TensorToWrite> tensors;
        for (const Model::NamedShape& shape : source->tensors())
            tensors.push_back({shape.name, dtype, shape.shape, [&source, name = shape.name, scalar = scalar, exact] {
                                   const at::Tensor x = (source->weight(name) * (exact ? 1 : 1.001)).to(scalar).contiguous();
                                   const auto* data = static_cast<const std::byte*>(x.const_data_ptr());
                                   return std::vector<std::byte>(data, data + x.nbytes());
                               }});
        for (const std::filesystem::path& file : source->checkpoint().files())
            std::filesystem::remove(model / file.filename());
        writeSafetensors(model, tensors);
    }
    const auto project = projectWithARun(folder, model);
    SilentProgress progress;
    const ModelDescription description = describeModel(model, false);
    for (const char* format : {"compressed-tensors", "dense"}) {
        ExportJob job = jobFor(project, folder, format);
        job.out += format;
        job.dtype = "auto";
        const ExportResult result = exportRun(job, progress, {});
        const auto checkpoint = Checkpoint::open(job.out);
        QCOMPARE(QString::fromStdString(std::string(name(checkpoint->at("model.embed_tokens.weight").dtype))), written);
        QCOMPARE(QString::fromStdString(std::string(name(checkpoint->at("model.norm.weight").dtype))), written);
        const SizeEstimate size = estimateSize(resolve(Recipe::parse(project->run({}).recipeJson, "run"), description), description);
        QCOMPARE(tensorBytesOf(job.out), std::string_view(format) == "dense" ? size.denseBytes : size.bytes);
        const Json certificate = parseJson(result.certificate, "certificate");
        QCOMPARE(certificate.at("unquantized_as_in_the_run").get<bool>(), exact);
        if (std::string_view(format) == "compressed-tensors")   // what the divergence is of: the dtype alone, or nothing
            QCOMPARE(certificate.at("probe_kl_mean").get<double>() < 1e-9, exact);
    }
    ExportJob wide = jobFor(project, folder);
    wide.dtype = "f32";   // asked for, it is given
    exportRun(wide, progress, {});
    QCOMPARE(Checkpoint::open(wide.out)->at("model.norm.weight").dtype, DType::F32);
}

void TestExportJob::formatsSayTheSameBeforeARunAsAfterIt()
{
    const ModelDescription model = describeModel(tinyLlama(), false);
    const auto fitOf = [&](const char* defaults) { return packingOf(resolve(tinyRecipe(defaults), model), model, {}); };
    QCOMPARE(fitOf(R"({"weights": {"bits": 4, "group": 32}})").packing, Packing::Packed);
    QVERIFY(fitOf(R"({"weights": {"bits": 4, "group": 32}})").why.empty());
    QCOMPARE(fitOf(R"({"weights": {"bits": 3, "group": 32}})").packing, Packing::DenseOnly);
    for (const char* defaults : {R"({"weights": {"bits": 3, "group": 32}})", R"({"weights": {"bits": 4, "group": 32}})", R"({"activations": {"scheme": "per_token"}})"}) {
        const auto plans = resolve(tinyRecipe(defaults), model);
        const SizeEstimate size = estimateSize(plans, model);
        QCOMPARE(smallestExport(plans, model), fitOf(defaults).packing == Packing::DenseOnly ? size.denseBytes : size.bytes);
    }
    QVERIFY(fitOf(R"({"weights": {"bits": 3, "group": 32}})").why.find("and 27 more: ") != std::string::npos);
    QCOMPARE(fitOf(R"({"weights": {"bits": 4, "group": 32}, "compensation": {"method": "lorc"}})").packing, Packing::DenseOnly);
    QCOMPARE(fitOf(R"({"weights": {"bits": 8}, "activations": {"scheme": "cross"}})").packing, Packing::DenseOnly);
    QCOMPARE(fitOf(R"({"activations": {"scheme": "per_token"}})").packing, Packing::Nothing);
    for (const char* defaults : {R"({"weights": {"bits": 3, "group": 32}})", R"({"weights": {"bits": 4, "group": 32}})", R"({"activations": {"scheme": "per_token"}})"}) {
        QTemporaryDir folder;
        const auto project = newProject(folder);
        const Recipe recipe = tinyRecipe(defaults);
        quantizeTiny(project, recipe);
        for (const FormatFit& fit : fitFormats(resolve(recipe, model), model, {})) {
            const std::vector<ContractIssue> after = checkExport(jobFor(project, folder, fit.format.id));
            QCOMPARE(std::none_of(after.begin(), after.end(), [](const ContractIssue& issue) { return issue.fatal; }), fit.holds());
            QCOMPARE(sentences(after), sentences(fit.issues));
        }
    }
}

void TestExportJob::anExistingFolderIsNotReplacedUnasked()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    quantizeTiny(project, tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})"));
    const ExportJob job = jobFor(project, folder);
    std::filesystem::create_directories(job.out);
    const std::filesystem::path stale = job.out.parent_path() / ".x.json.2147480000-0.part";   // no process has such a number
    std::ofstream(stale) << "half";
    std::filesystem::last_write_time(stale, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
    std::ofstream(job.out / "precious") << "keep me";
    SilentProgress progress;
    QVERIFY_THROWS_EXCEPTION(Error, exportRun(job, progress, {}));
    QVERIFY(std::filesystem::exists(job.out / "precious"));
    ExportJob replacing = job;
    replacing.overwrite = true;
    QVERIFY_THROWS_EXCEPTION(Error, exportRun(replacing, progress, {}));   // nor asked: it is no export
    QVERIFY(std::filesystem::exists(job.out / "precious"));
    std::filesystem::remove(job.out / "precious");
    exportRun(replacing, progress, {});
    QVERIFY(std::filesystem::exists(job.out / "config.json"));
    QVERIFY(!std::filesystem::exists(stale));
}

void TestExportJob::cancelledItLeavesNothing()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    quantizeTiny(project, tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})"));
    const ExportJob job = jobFor(project, folder);
    std::stop_source source;
    source.request_stop();
    SilentProgress progress;
    QVERIFY_THROWS_EXCEPTION(Cancelled, exportRun(job, progress, source.get_token()));
    for (const auto& entry : std::filesystem::directory_iterator(folder.path().toStdString()))
        QCOMPARE(entry.path().filename().string(), std::string("p.halftone"));
}

void TestExportJob::whatIsOnDiskDifferentlyIsNeverPutInPlace_data()
{
    QTest::addColumn<QString>("defaults");
    QTest::addColumn<QString>("tensor");
    QTest::addColumn<QString>("named");   // in the refusal
    const QString groups = QStringLiteral(R"({"weights": {"bits": 4, "group": 32, "symmetric": false}})"), rows = QStringLiteral(R"({"weights": {"bits": 4, "symmetric": false}})"),
                  bytes = QStringLiteral(R"({"weights": {"bits": 8, "symmetric": false}, "activations": {"scheme": "per_token", "bits": 8}})"),
                  fixed = QStringLiteral(R"({"weights": {"bits": 8}, "activations": {"scheme": "per_tensor", "bits": 8}})");
    for (const char* part : {"weight_zero_point", "weight_packed", "weight_scale"}) {
        QTest::addRow("groups, %s", part) << groups << QString::fromLatin1(part) << "weight";
        QTest::addRow("rows, %s", part) << rows << QString::fromLatin1(part) << "weight";
    }
    for (const char* part : {"weight_zero_point", "weight", "weight_scale"})
        QTest::addRow("bytes, %s", part) << bytes << QString::fromLatin1(part) << "weight";
    QTest::addRow("input scale") << fixed << "input_scale" << "input_scale";
}

/// The tensors are written, the certificate is about to read them: a bit that is not the run's must end the export.
void TestExportJob::whatIsOnDiskDifferentlyIsNeverPutInPlace()
{
    QFETCH(QString, defaults);
    QFETCH(QString, tensor);
    QFETCH(QString, named);
    class Tampering final : public Progress {
    public:
        explicit Tampering(std::filesystem::path folder, std::string tensor) : m_folder(std::move(folder)), m_tensor(std::move(tensor)) {}
        void begin(std::string_view what, std::int64_t, std::string_view, std::int64_t) override
        {
            if (what != "certify")
                return;
            const auto checkpoint = Checkpoint::open(m_folder);
            const TensorInfo& info = checkpoint->at(m_tensor);
            std::fstream file(checkpoint->files().at(static_cast<std::size_t>(info.file)), std::ios::in | std::ios::out | std::ios::binary);
            file.seekg(static_cast<std::streamoff>(info.offset));
            const int byte = file.get();
            file.seekp(static_cast<std::streamoff>(info.offset));
            file.put(static_cast<char>(byte ^ 1));
            done = file.good();
        }
        void update(std::int64_t, std::string_view) override {}
        void note(std::string_view) override {}
        bool done = false;

    private:
        std::filesystem::path m_folder;
        std::string m_tensor;
    };
    QTemporaryDir folder;
    const auto project = newProject(folder);
    quantizeTiny(project, tinyRecipe(defaults.toStdString()));
    const ExportJob job = jobFor(project, folder);
    const std::string linear = "model.layers.1.self_attn.q_proj.";
    Tampering progress(job.out.string() + ".partial", linear + tensor.toStdString());
    try {
        exportRun(job, progress, {});
        QFAIL("it was put in place");
    } catch (const Error& e) {
        QVERIFY(progress.done);
        QVERIFY2(std::string(e.what()).find(linear + named.toStdString() + " differs from the run") != std::string::npos, e.what());
    }
    QVERIFY(!std::filesystem::exists(job.out) && !std::filesystem::exists(job.out.string() + ".partial"));
    SilentProgress silent;
    exportRun(job, silent, {});
}

QTEST_GUILESS_MAIN(TestExportJob)
#include "tst_export_job.moc"
