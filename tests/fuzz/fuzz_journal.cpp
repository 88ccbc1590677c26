// journal.log. An input whose first byte is even is the file as it stands; else each further line gets its right sum, so that the search comes past it.
#include "reader.h"

#include "core/project/journal.h"

#include <cstdio>

using namespace halftone;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    std::string_view rest = fuzz::textOf(data, size);
    const bool summed = !rest.empty() && (static_cast<unsigned char>(rest.front()) & 1u) != 0;
    rest.remove_prefix(rest.empty() ? 0 : 1);
    std::string file(rest);
    if (summed) {
        file.clear();
        while (!rest.empty()) {
            const std::string_view line = rest.substr(0, rest.find('\n'));
            char sum[16];
            std::snprintf(sum, sizeof sum, "%08x ", static_cast<unsigned>(crc32(line)));
            file += sum + std::string(line) + '\n';
            rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        }
    }
    fuzz::put(fuzz::folder() / "journal.log", file);
    const bool taken = fuzz::takesOrRefuses([&] {
        const JournalContent content = readJournal(fuzz::folder() / "journal.log");
        if (content.goodBytes + content.badTail.size() != file.size())
            fuzz::finding("good lines and the bad end are not all of the journal");
    });
    if (!taken && !file.starts_with("version http"))   // a Git LFS pointer in its place is refused, with what to do
        fuzz::finding("a damaged journal is an error: whole lines must count");
    return 0;
}
