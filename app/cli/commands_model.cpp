#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/shown_text.h"
#include "core/exporting/export_job.h"
#include "core/methods/method.h"
#include "core/model/describe.h"
#include "core/text/corpus.h"

#include <memory>

namespace halftone::cli {

namespace {

constexpr std::uint64_t kTextLimit = 4ULL << 30;

Json parameterJson(const ParameterInfo& p)
{
    constexpr const char* kTypes[]{"boolean", "integer", "real", "choice"};
    Json json{{"key", p.key}, {"type", kTypes[static_cast<int>(p.type)]}, {"help", p.help}};
    std::visit([&](const auto& value) { json["default"] = value; }, p.defaultValue);
    if (p.type == ParameterInfo::Type::Integer || p.type == ParameterInfo::Type::Real) {
        json["minimum"] = p.minimum;
        json["maximum"] = p.maximum;
    }
    if (p.type == ParameterInfo::Type::Choice)
        json["choices"] = p.choices;
    return json;
}

void inspect(const std::string& model, const Common& common)
{
    const ModelDescription d = describeModel(model);
    if (common.json) {
        Json json{{"architecture", d.config.architecture}, {"format", d.format}, {"parameters", d.parameters}, {"blocks", d.config.blocks},
                  {"hidden", d.config.hidden}, {"intermediate", d.config.intermediate}, {"heads", d.config.heads}, {"kv_heads", d.config.kvHeads},
                  {"vocabulary", d.config.vocabulary}, {"positions", d.config.maxPositions}, {"bytes", d.bytes}, {"coarse_grid", nullptr},
                  {"notes", d.notes}, {"linears", Json::array()}};
        if (d.coarseGrid)
            json["coarse_grid"] = {{"block_size", d.coarseGrid->blockSize}, {"levels", d.coarseGrid->levels}, {"tensors", d.coarseGrid->tensors},
                                   {"looked", d.coarseGrid->looked}, {"source", d.coarseGrid->source}};
        for (const LinearInfo& l : d.linears)
            json["linears"].push_back({{"name", l.name}, {"out", l.out}, {"in", l.in}, {"site", name(l.site)}, {"dtype", l.dtype}, {"block", l.block}});
        printJson(json);
        return;
    }
    printTable({"", ""}, {{"model", d.path.filename().string()}, {"format", d.format}, {"architecture", d.config.architecture},
                          {"parameters", number(static_cast<double>(d.parameters) / 1e6) + " M"}, {"blocks", std::to_string(d.config.blocks)},
                          {"hidden", std::to_string(d.config.hidden)}, {"vocabulary", std::to_string(d.config.vocabulary)}, {"on disk", bytesText(d.bytes)}});
    if (d.coarseGrid)
        print("\nThese weights already lie on a coarse grid%s%s: at most %d distinct values in each block of %d.\n"
                    "Results at about that many bits look better here than on a float model.\n\n",
                    d.coarseGrid->source.empty() ? "" : ", ", d.coarseGrid->source.c_str(), d.coarseGrid->levels, d.coarseGrid->blockSize);
    for (const std::string& note : d.notes)
        print("note: %s\n", note.c_str());
    if (!d.notes.empty())
        print("\n");
    std::vector<std::vector<std::string>> rows;
    for (const LinearInfo& l : d.linears)
        rows.push_back({l.name, std::to_string(l.out), std::to_string(l.in), std::string(name(l.site)), l.dtype});
    printTable({"linear", "out", "in", "site", "dtype"}, rows);
}

void tokenize(const std::string& source, const std::string& textFile, bool noSpecial, const Common& common)
{
    std::unique_ptr<Tokenizer> tokenizer;
    if (std::error_code error; std::filesystem::is_directory(source, error)) {   // what cannot be looked at is refused when it is opened
        tokenizer = Tokenizer::openFolder(source);
    } else {
        const auto checkpoint = Checkpoint::open(source);
        tokenizer = Tokenizer::fromGguf(readGgufVocabulary(*checkpoint));
    }
    const std::vector<std::int32_t> ids = tokenizer->encode(readTextFile(textFile, kTextLimit), !noSpecial);
    if (common.json) {
        printJson({{"ids", ids}});
        return;
    }
    for (const std::int32_t id : ids)
        print("%d\t%s\n", id, shownJson(Json(tokenizer->tokenText(id)).dump(-1, ' ', false, Json::error_handler_t::replace)).c_str());
}

void listMethods(const Common& common)
{
    if (common.json) {
        Json json{{"methods", Json::array()}};
        for (const MethodInfo& m : methodInfos()) {
            Json parameters = Json::array();
            for (const ParameterInfo& p : m.parameters)
                parameters.push_back(parameterJson(p));
            json["methods"].push_back({{"id", m.id}, {"name", m.name}, {"kind", name(m.kind)}, {"paper", m.paper}, {"summary", m.summary},
                                       {"parameters", parameters}, {"folds", name(m.folds.how)}, {"folds_note", m.folds.note},
                                       {"needs", {{"calibration", m.needs.calibration}, {"hessian", m.needs.hessian}, {"gradients", m.needs.gradients}}}});
        }
        printJson(json);
        return;
    }
    std::vector<std::vector<std::string>> rows;
    for (const MethodInfo& m : methodInfos())
        rows.push_back({m.id, std::string(name(m.kind)), std::string(name(m.folds.how)), m.paper, m.name});
    printTable({"id", "kind", "folds", "paper", "name"}, rows);
}

void listFormats(const Common& common)
{
    Json json{{"formats", Json::array()}};
    std::vector<std::vector<std::string>> rows;
    for (const FormatInfo& f : exportFormats()) {
        json["formats"].push_back({{"id", f.id}, {"name", f.name}, {"summary", f.summary}, {"runtimes", f.runtimes}});
        rows.push_back({f.id, f.summary});
    }
    common.json ? printJson(json) : printTable({"id", "what"}, rows);
}

void listArchitectures(const Common& common)
{
    Json json{{"architectures", Json::array()}};
    std::vector<std::vector<std::string>> rows;
    for (const ArchitectureInfo& a : architectures()) {
        json["architectures"].push_back({{"id", a.id}, {"name", a.name}, {"hugging_face", a.huggingFace}, {"gguf", a.gguf}, {"notes", a.notes}});
        rows.push_back({a.id, a.huggingFace, a.name});
    }
    common.json ? printJson(json) : printTable({"id", "Hugging Face", "name"}, rows);
}

template <typename Run> void addList(CLI::App& program, const char* id, const char* help, Run run)
{
    auto common = std::make_shared<Common>();
    CLI::App* command = program.add_subcommand(id, help);
    common->addTo(*command, false);
    command->callback([common, run] { run(*common); });
}

} // namespace

void addModelCommands(CLI::App& program)
{
    {
        struct Arguments { Common common; std::string model; };
        auto a = std::make_shared<Arguments>();
        CLI::App* command = program.add_subcommand("inspect", "what a model is, without loading its weights");
        command->add_option("MODEL", a->model, "Hugging Face folder or GGUF file")->required();
        a->common.addTo(*command, false);
        command->callback([a] { inspect(a->model, a->common); });
    }
    {
        struct Arguments { Common common; std::string source, text; bool noSpecial = false; };
        auto a = std::make_shared<Arguments>();
        CLI::App* command = program.add_subcommand("tokenize", "token ids of a file's bytes");
        command->add_option("MODEL", a->source, "model, or a GGUF file that holds a vocabulary only")->required();
        command->add_option("--text", a->text, "text file")->required();
        command->add_flag("--no-special", a->noSpecial, "add no special tokens");
        a->common.addTo(*command, false);
        command->callback([a] { tokenize(a->source, a->text, a->noSpecial, a->common); });
    }
    addList(program, "methods", "the methods there are, with their parameters", listMethods);
    addList(program, "formats", "the export formats there are", listFormats);
    addList(program, "architectures", "the model families there are", listArchitectures);
}

} // namespace halftone::cli
