#pragma once

#include "core/base/json.h"
#include "core/model/model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <QTemporaryDir>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

/// Reading the goldens of tests/data/model, and making broken copies of them.
namespace golden {

inline std::filesystem::path data(const std::string& name)
{
    return std::filesystem::path(HALFTONE_TEST_DATA) / "model" / name;
}

struct Golden {
    std::vector<std::vector<std::int32_t>> ids;   ///< one window
    at::Tensor logits;                            ///< [tokens, vocabulary]
};

inline Golden read(const std::filesystem::path& folder)
{
    const halftone::Json json = halftone::readJsonFile(folder / "golden.json");
    Golden out;
    out.ids.push_back(json.at("ids").get<std::vector<std::int32_t>>());
    out.logits = at::empty({static_cast<std::int64_t>(out.ids[0].size()), json.at("vocabulary").get<std::int64_t>()}, at::kFloat);
    std::ifstream file(folder / "logits.f32", std::ios::binary);
    file.read(reinterpret_cast<char*>(out.logits.mutable_data_ptr<float>()), out.logits.numel() * 4);
    if (!file)
        throw std::runtime_error("no logits in " + folder.string());
    return out;
}

/// The whole model at once, as a user of BlockSource walks it.
inline at::Tensor logits(const halftone::BlockSource& model, const std::vector<std::vector<std::int32_t>>& ids)
{
    const at::NoGradGuard noGrad;
    at::Tensor hidden = model.embed(ids);
    for (int b = 0; b < model.config().blocks; ++b)
        hidden = model.block(b).forward(hidden);
    return model.logits(hidden[0]);
}

/// Largest difference as a share of the golden's range.
inline double difference(const at::Tensor& found, const at::Tensor& expected)
{
    return (found - expected).abs().max().item<double>() / (expected.max() - expected.min()).item<double>();
}

/// A copy of a golden's folder whose config.json went through `edit`.
class Copy {
public:
    explicit Copy(const std::string& name, const std::function<void(halftone::Json&)>& edit = {})
    {
        for (const auto& file : std::filesystem::directory_iterator(data(name)))
            if (file.is_regular_file())
                std::filesystem::copy_file(file.path(), path() / file.path().filename());
        if (edit) {
            halftone::Json config = halftone::readJsonFile(path() / "config.json");
            edit(config);
            write("config.json", config.dump());
        }
    }
    std::filesystem::path path() const { return m_folder.path().toStdString(); }
    void write(const std::string& file, const std::string& text) const { std::ofstream(path() / file, std::ios::binary) << text; }

private:
    QTemporaryDir m_folder;
};

} // namespace golden
