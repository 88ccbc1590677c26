#include "core/text/bpe.h"

#include "core/base/error.h"
#include "core/text/unicode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

namespace halftone {

namespace {

std::uint64_t pairKey(std::int32_t left, std::int32_t right)
{
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

std::size_t slotOf(std::uint64_t pair, std::size_t mask)
{
    return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15u) >> 24) & mask;
}

} // namespace

BpeModel::BpeModel(BpeParts parts)
    : m_parts(std::move(parts))
{
    const Vocabulary& vocabulary = m_parts.vocabulary;
    if (m_parts.unknown)
        m_unknown = vocabulary.find(*m_parts.unknown);
    m_byteIds.assign(256, -1);
    for (int b = 0; b < 256; ++b) {
        std::array<char, 8> name{};
        std::snprintf(name.data(), name.size(), "<0x%02X>", static_cast<unsigned>(b));
        m_byteIds[static_cast<std::size_t>(b)] = vocabulary.find(name.data()).value_or(-1);
    }
    buildMerges();
    m_cutsBeforeMarks = !m_parts.ignoreMerges && !m_parts.continuingPrefix && !m_parts.wordSuffix && vocabulary.find(kMark).has_value()
        && !vocabulary.joinsBefore(kMark);
}

void BpeModel::buildMerges()
{
    const Vocabulary& vocabulary = m_parts.vocabulary;
    m_merges.resize(std::bit_ceil(std::max<std::size_t>(m_parts.merges.size() * 2, 16)));
    const std::size_t mask = m_merges.size() - 1;
    const std::size_t prefix = m_parts.continuingPrefix ? m_parts.continuingPrefix->size() : 0;
    std::string joined;
    for (std::size_t rank = 0; rank < m_parts.merges.size(); ++rank) {
        const auto& [left, right] = m_parts.merges[rank];
        joined = left;
        joined += right.size() >= prefix ? std::string_view(right).substr(prefix) : std::string_view();
        const auto leftId = vocabulary.find(left), rightId = vocabulary.find(right), result = vocabulary.find(joined);
        if (!leftId || !rightId || !result)
            throw Error(ErrorKind::BadFile,
                        m_parts.subject + ": merge " + std::to_string(rank) + " (\"" + left + "\" and \"" + right
                            + "\") needs a token that the vocabulary does not have.",
                        m_parts.subject);
        const std::uint64_t key = pairKey(*leftId, *rightId);
        std::size_t slot = slotOf(key, mask);
        while (m_merges[slot].pair != kFree && m_merges[slot].pair != key)
            slot = (slot + 1) & mask;
        if (m_merges[slot].pair == kFree || !m_parts.asLlamaCpp)
            m_merges[slot] = {key, static_cast<std::uint32_t>(rank), *result};
    }
    m_parts.merges.clear();
    m_parts.merges.shrink_to_fit();
}

const BpeModel::Merge* BpeModel::merge(std::int32_t left, std::int32_t right) const
{
    if (left < 0 || right < 0)
        return nullptr;
    const std::uint64_t key = pairKey(left, right);
    const std::size_t mask = m_merges.size() - 1;
    for (std::size_t slot = slotOf(key, mask); m_merges[slot].pair != kFree; slot = (slot + 1) & mask)
        if (m_merges[slot].pair == key)
            return &m_merges[slot];
    return nullptr;
}

/// The word's characters as tokens. The order of an unknown token that is still open and of byte tokens is Hugging Face's.
void BpeModel::characters(std::string_view word, std::vector<Symbol>& symbols) const
{
    const auto add = [&](std::int32_t id) { symbols.push_back({id, 0, 0}); };
    bool open = false;  // an unknown token that more characters may join
    std::string decorated;
    for (std::size_t at = 0; at < word.size();) {
        const std::size_t bytes = std::min(unicode::lengthAt(word, at), word.size() - at);
        std::string_view character = word.substr(at, bytes);
        const bool first = at == 0;
        at += bytes;
        if ((m_parts.continuingPrefix && !first) || (m_parts.wordSuffix && at == word.size())) {
            decorated = !first && m_parts.continuingPrefix ? *m_parts.continuingPrefix : "";
            decorated += character;
            if (m_parts.wordSuffix && at == word.size())
                decorated += *m_parts.wordSuffix;
            character = decorated;
        }
        if (const auto id = m_parts.vocabulary.find(character)) {
            if (open)
                add(*m_unknown);
            open = false;
            add(*id);
            continue;
        }
        if (m_parts.byteFallback
            && std::all_of(character.begin(), character.end(), [&](char c) { return m_byteIds[static_cast<unsigned char>(c)] >= 0; })) {
            for (const char c : character)
                add(m_byteIds[static_cast<unsigned char>(c)]);
            continue;
        }
        if (m_unknown) {
            if (open && !m_parts.fuseUnknown)
                add(*m_unknown);
            open = true;
        } else if (m_parts.unknown) {
            throw Error(ErrorKind::BadFile,
                        m_parts.subject + ": \"" + printable(character) + "\" is no token, and the unknown token \"" + printable(*m_parts.unknown) + "\" is not in the vocabulary.",
                        m_parts.subject);
        } else if (m_parts.asLlamaCpp) {
            add(-1);
        }
    }
    if (open)
        add(*m_unknown);
}

/// For a few symbols looking at all of them beats a heap.
void BpeModel::mergeShort(std::vector<Symbol>& symbols) const
{
    std::array<const Merge*, 64> best{};  // of symbol i with the one behind it
    std::size_t count = symbols.size();
    for (std::size_t i = 0; i + 1 < count; ++i)
        best[i] = merge(symbols[i].id, symbols[i + 1].id);
    for (;;) {
        std::size_t at = count;
        for (std::size_t i = 0; i + 1 < count; ++i)
            if (best[i] != nullptr && (at == count || best[i]->rank < best[at]->rank))
                at = i;
        if (at == count)
            break;
        symbols[at].id = best[at]->result;
        for (std::size_t i = at + 1; i + 1 < count; ++i) {
            symbols[i] = symbols[i + 1];
            best[i] = best[i + 1];
        }
        --count;
        best[at] = at + 1 < count ? merge(symbols[at].id, symbols[at + 1].id) : nullptr;
        if (at > 0)
            best[at - 1] = merge(symbols[at - 1].id, symbols[at].id);
    }
    symbols.resize(count);
}

void BpeModel::mergeLong(std::vector<Symbol>& symbols) const
{
    struct Candidate {
        std::uint32_t rank;
        std::int32_t at, result;
        bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : at > other.at; }
    };
    const auto count = static_cast<std::int32_t>(symbols.size());
    std::vector<Candidate> heap;
    const auto symbol = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
    const auto candidate = [&](std::int32_t left, std::int32_t right) {
        if (const Merge* m = merge(symbol(left).id, symbol(right).id))
            heap.push_back({m->rank, left, m->result});
        else
            return false;
        return true;
    };
    for (std::int32_t i = 0; i < count; ++i) {
        symbol(i).previous = i - 1;
        symbol(i).next = i + 1 < count ? i + 1 : -1;
        if (i > 0)
            candidate(i - 1, i);
    }
    std::make_heap(heap.begin(), heap.end());
    const auto push = [&](std::int32_t left, std::int32_t right) {
        if (candidate(left, right))
            std::push_heap(heap.begin(), heap.end());
    };
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end());
        const Candidate top = heap.back();
        heap.pop_back();
        Symbol& left = symbol(top.at);
        if (left.next < 0)
            continue;
        Symbol& right = symbol(left.next);
        const Merge* m = merge(left.id, right.id);
        if (m == nullptr || m->result != top.result)
            continue;  // one of the two has been merged since
        left.id = top.result;
        left.next = right.next;
        right.next = -2;
        if (left.next >= 0) {
            symbol(left.next).previous = top.at;
            push(top.at, left.next);
        }
        if (left.previous >= 0)
            push(left.previous, top.at);
    }
    std::erase_if(symbols, [](const Symbol& s) { return s.next == -2; });
}

void BpeModel::encode(std::string_view word, const TextBudget&, std::vector<std::int32_t>& out) const
{
    if (word.empty())
        return;
    if (m_parts.ignoreMerges || (m_parts.wholeLineFeeds && word.find_first_not_of('\n') == std::string_view::npos)) {
        if (const auto id = m_parts.vocabulary.find(word)) {
            out.push_back(*id);
            return;
        }
    }
    thread_local std::vector<Symbol> symbols;
    symbols.clear();
    characters(word, symbols);
    if (symbols.size() <= 48)
        mergeShort(symbols);
    else
        mergeLong(symbols);
    for (const Symbol& s : symbols)
        if (s.id >= 0)
            out.push_back(s.id);
    if (symbols.capacity() > 1u << 20)
        std::vector<Symbol>().swap(symbols);
}

} // namespace halftone
