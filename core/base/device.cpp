#include "core/base/device.h"

#include "core/base/error.h"

#include <charconv>

namespace halftone {

std::string Device::name() const
{
    return kind == Kind::Cpu ? std::string("cpu") : "cuda:" + std::to_string(index);
}

Device Device::parse(std::string_view text)
{
    if (text == "cpu")
        return {};
    if (text == "cuda")
        return {Kind::Cuda, 0};
    if (text.starts_with("cuda:")) {
        const std::string_view digits = text.substr(5);
        int index = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
        if (error == std::errc() && end == digits.data() + digits.size() && index >= 0 && index < 1024)
            return {Kind::Cuda, index};
    }
    throw Error(ErrorKind::InvalidArgument, "\"" + printable(text) + "\" is no device: give cpu, cuda or cuda:N.", "device");
}

void requireCpu(const ComputeOptions& options, std::string_view job)
{
    if (options.device.kind != Device::Kind::Cpu)
        throw Error(ErrorKind::Unsupported, std::string(job) + " computes on the CPU only: leave --device " + options.device.name() + " out; evaluate is what can use a GPU", options.device.name());
}

} // namespace halftone
