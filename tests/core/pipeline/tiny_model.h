#pragma once

#include "core/base/sha256.h"
#include "core/pipeline/jobs.h"
#include "core/project/project.h"

#include <QTemporaryDir>

#include <algorithm>
#include <string>
#include <vector>

namespace halftone::testing {

inline std::filesystem::path tinyLlama() { return HALFTONE_TEST_DATA "/model/tiny-llama"; }
inline std::filesystem::path tinyText() { return HALFTONE_TEST_DATA "/model/tiny-text.txt"; }

/// A recipe with `defaults` (and `rules`) over a small calibration.
inline Recipe tinyRecipe(const std::string& defaults, const std::string& rules = "[]")
{
    return Recipe::parse(R"({"halftone_recipe": 1, "calibration": {"samples": 6, "length": 64, "seed": 0}, "defaults": )" + defaults + R"(, "rules": )" +
                         rules + "}", "test recipe");
}

inline std::shared_ptr<Project> newProject(const QTemporaryDir& folder, const char* name = "p")
{
    return Project::open(std::filesystem::path(folder.path().toStdString()) / (std::string(name) + ".halftone"), tinyLlama());
}

/// Hash of each block file of a run, in block order.
inline std::vector<std::string> blockHashes(const Project& project, const std::string& run)
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(project.folder() / "runs" / run))
        if (entry.path().extension() == ".h5")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> hashes;
    for (const auto& file : files)
        hashes.push_back(sha256File(file));
    return hashes;
}

inline QuantizeResult quantizeTiny(const std::shared_ptr<Project>& project, const Recipe& recipe, const std::stop_token& stop = {}, bool resume = true,
                                   std::uint64_t memoryBudget = 0, Progress* progress = nullptr, int threads = 2)
{
    SilentProgress silent;
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = recipe;
    job.text = tinyText();
    job.project = project;
    job.resume = resume;
    job.options.threads = threads;
    job.options.memoryBudget = memoryBudget;
    return quantize(job, progress ? *progress : silent, stop);
}

} // namespace halftone::testing
