#include "core/project/evidence_file.h"

#include "core/base/error.h"
#include "core/project/site_attribute.h"

namespace halftone {
namespace {

constexpr std::int64_t kMostCells = std::int64_t{1} << 22;

void writeFloats(Hdf5Writer& file, const std::string& path, const std::vector<float>& values)
{
    if (!values.empty())
        file.dataset<float>(path, values, {values.size()}, Hdf5Packing::Shuffled);
}

std::vector<float> readFloats(const Hdf5Reader& file, const std::string& path)
{
    return file.has(path) ? file.dataset<float>(path) : std::vector<float>();
}

[[noreturn]] void bad(const Hdf5Reader& file, const std::string& what) { throw Error(ErrorKind::BadFile, file.subject() + ": " + what, file.subject()); }

} // namespace

void writeTransform(Hdf5Writer& file, const std::string& at, const TransformEvidence& evidence)
{
    file.group(at);
    file.attribute(at, "method", evidence.method);
    file.attribute(at, "place", evidence.place);
    file.attribute(at, "kind", evidence.kind);
    file.attribute(at, "stability", evidence.stability);
    const Hdf5Shape shape{static_cast<std::uint64_t>(evidence.count), static_cast<std::uint64_t>(evidence.rows), static_cast<std::uint64_t>(evidence.columns)};
    if (shape[0] * shape[1] * shape[2] != evidence.values.size())
        throw Error(ErrorKind::Internal, "The values of a transform's evidence have not its shape.", evidence.place);
    file.dataset<float>(at + "/values", evidence.values, shape, Hdf5Packing::Shuffled);
    if (!evidence.conditions.empty())
        file.dataset<double>(at + "/conditions", evidence.conditions, {evidence.conditions.size()}, Hdf5Packing::Plain);
    if (evidence.epochs.empty())
        return;
    std::vector<double> epochs;
    for (const TransformEvidence::Epoch& epoch : evidence.epochs)
        epochs.insert(epochs.end(), {static_cast<double>(epoch.step), static_cast<double>(epoch.bands), epoch.condition});
    file.dataset<double>(at + "/epochs", epochs, {evidence.epochs.size(), 3}, Hdf5Packing::Plain);
}

TransformEvidence readTransform(const Hdf5Reader& file, const std::string& at)
{
    TransformEvidence evidence;
    evidence.method = file.text(at, "method");
    evidence.place = file.text(at, "place");
    evidence.kind = file.text(at, "kind");
    evidence.stability = file.real(at, "stability");
    const Hdf5Shape shape = file.shape(at + "/values");
    if (shape.size() != 3)
        throw Error(ErrorKind::BadFile, file.subject() + ": " + at + " holds no matrices.", file.subject());
    evidence.count = static_cast<std::int64_t>(shape[0]);
    evidence.rows = static_cast<std::int64_t>(shape[1]);
    evidence.columns = static_cast<std::int64_t>(shape[2]);
    evidence.values = file.dataset<float>(at + "/values", shape);
    if (file.has(at + "/conditions"))
        evidence.conditions = file.dataset<double>(at + "/conditions");
    if (!file.has(at + "/epochs"))
        return evidence;
    const Hdf5Shape steps = file.shape(at + "/epochs");
    if (steps.size() != 2 || steps[1] != 3)
        throw Error(ErrorKind::BadFile, file.subject() + ": " + at + " holds no epochs.", file.subject());
    const std::vector<double> epochs = file.dataset<double>(at + "/epochs", steps);
    constexpr double kMost = 1e9;
    for (std::size_t i = 0; i + 2 < epochs.size(); i += 3) {
        if (!(epochs[i] >= 0 && epochs[i] <= kMost && epochs[i + 1] >= 0 && epochs[i + 1] <= kMost))
            throw Error(ErrorKind::BadFile, file.subject() + ": " + at + " has an epoch that cannot be.", file.subject());
        evidence.epochs.push_back({static_cast<int>(epochs[i]), static_cast<int>(epochs[i + 1]), epochs[i + 2]});
    }
    return evidence;
}

void writeWeightEvidence(Hdf5Writer& file, const std::string& at, const WeightEvidence& evidence)
{
    if (evidence.rows < 1 || evidence.columns < 1 || static_cast<std::int64_t>(evidence.values.size()) != evidence.rows * evidence.columns
        || evidence.rows * evidence.columns > kMostCells)
        throw Error(ErrorKind::Internal, "The evidence \"" + evidence.kind + "\" of \"" + evidence.linear + "\" has not the cells it says.", evidence.linear);
    file.group(at);
    file.attribute(at, "linear", evidence.linear);
    file.attribute(at, "kind", evidence.kind);
    file.attribute(at, "full_rows", evidence.fullRows);
    file.attribute(at, "full_columns", evidence.fullColumns);
    file.attribute(at, "rank", evidence.rank);
    file.attribute(at, "learnable", evidence.learnable);
    file.dataset<float>(at + "/values", evidence.values, {static_cast<std::uint64_t>(evidence.rows), static_cast<std::uint64_t>(evidence.columns)}, Hdf5Packing::Shuffled);
}

WeightEvidence readWeightEvidence(const Hdf5Reader& file, const std::string& at)
{
    WeightEvidence evidence;
    evidence.linear = file.text(at, "linear");
    evidence.kind = file.text(at, "kind");
    evidence.fullRows = file.integer(at, "full_rows");
    evidence.fullColumns = file.integer(at, "full_columns");
    evidence.rank = file.integer(at, "rank");
    evidence.learnable = file.real(at, "learnable");
    const Hdf5Shape shape = file.shape(at + "/values");
    if (shape.size() != 2 || shape[0] == 0 || shape[1] == 0 || shape[0] > kMostCells || shape[1] > kMostCells / shape[0])
        bad(file, at + " holds no matrix of a size that is kept.");
    evidence.rows = static_cast<std::int64_t>(shape[0]);
    evidence.columns = static_cast<std::int64_t>(shape[1]);
    evidence.values = file.dataset<float>(at + "/values", shape);
    return evidence;
}

void writeSiteChange(Hdf5Writer& file, const std::string& at, const SiteChange& change)
{
    file.group(at);
    writeSiteKind(file, at, "site", change.site);
    file.attribute(at, "method", change.method);
    file.attribute(at, "tokens", change.tokens);
    file.attribute(at, "scheme", name(change.grid.scheme));
    file.attribute(at, "bits", std::int64_t{change.grid.bits});
    file.attribute(at, "symmetric", std::int64_t{change.grid.symmetric});
    file.attribute(at, "alpha", change.grid.alpha);
    file.attribute(at, "kernel_before", change.kernelBefore);
    file.attribute(at, "kernel_after", change.kernelAfter);
    writeFloats(file, at + "/before", change.before);
    writeFloats(file, at + "/after", change.after);
}

SiteChange readSiteChange(const Hdf5Reader& file, const std::string& at)
{
    SiteChange change;
    change.site = readSiteKind(file, at, "site");
    change.method = file.text(at, "method");
    change.tokens = file.integer(at, "tokens");
    try {
        change.grid.scheme = activationSchemeFromName(file.text(at, "scheme"));
    } catch (const Error& e) {
        if (e.kind() == ErrorKind::BadFile)
            throw;
        bad(file, at + " has an activation scheme that is not known here: " + e.what());
    }
    change.grid.bits = static_cast<int>(file.integer(at, "bits"));
    change.grid.symmetric = file.integer(at, "symmetric") != 0;
    change.grid.alpha = file.real(at, "alpha");
    change.kernelBefore = file.real(at, "kernel_before");
    change.kernelAfter = file.real(at, "kernel_after");
    change.before = readFloats(file, at + "/before");
    change.after = readFloats(file, at + "/after");
    if (change.before.size() != change.after.size())
        bad(file, at + " has " + std::to_string(change.before.size()) + " channels before and " + std::to_string(change.after.size()) + " after the transform.");
    return change;
}

} // namespace halftone
