#include "core/recipe/glob.h"

#include "core/recipe/recipe.h"

#include <bitset>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace halftone {
namespace {

constexpr int kMaxNesting = 16;

/// One state of the automaton: it either consumes a character (then goes to `next`) or only forks.
struct State {
    enum class Kind { Fork, Any, Set, Accept };
    Kind kind = Kind::Fork;
    std::bitset<256> set;              ///< Set: what it consumes
    std::vector<std::size_t> next;     ///< Fork: all of them, without consuming; else the one after
};

/// Thompson's construction. Fragments are joined by patching the last state's `next`.
class Compiler {
public:
    explicit Compiler(std::string_view pattern) : m_pattern(pattern) {}

    bool compile()
    {
        if (m_pattern.size() > kMaxGlobLength)
            return failed("is longer than " + std::to_string(kMaxGlobLength) + " bytes");
        const std::size_t start = add(State::Kind::Fork);
        std::size_t end = start;
        if (!sequence(end, 0))
            return false;
        const std::size_t accept = add(State::Kind::Accept);
        m_states[end].next.push_back(accept);
        return true;
    }

    const std::vector<State>& states() const { return m_states; }
    const std::string& problem() const { return m_problem; }

private:
    std::size_t add(State::Kind kind)
    {
        m_states.push_back({kind, {}, {}});
        return m_states.size() - 1;
    }

    bool failed(std::string problem)
    {
        m_problem = std::move(problem);
        return false;
    }

    /// Appends states after `end` up to the pattern's end, or inside braces up to ',' or '}'.
    bool sequence(std::size_t& end, int depth)
    {
        while (m_at < m_pattern.size()) {
            const char c = m_pattern[m_at];
            if (depth > 0 && (c == ',' || c == '}'))
                return true;
            const std::size_t at = m_at++;
            if (c == '*') {
                const std::size_t loop = add(State::Kind::Fork);
                const std::size_t any = add(State::Kind::Any);
                m_states[end].next.push_back(loop);
                m_states[loop].next.push_back(any);
                m_states[any].next.push_back(loop);
                const std::size_t after = add(State::Kind::Fork);
                m_states[loop].next.push_back(after);
                end = after;
            } else if (c == '{') {
                if (!braces(end, at, depth))
                    return false;
            } else {
                const std::size_t one = add(c == '?' ? State::Kind::Any : State::Kind::Set);
                if (c == '[') {
                    if (!set(m_states[one].set, at))
                        return false;
                } else {
                    m_states[one].set.set(static_cast<unsigned char>(c));
                }
                m_states[end].next.push_back(one);
                const std::size_t after = add(State::Kind::Fork);
                m_states[one].next.push_back(after);
                end = after;
            }
        }
        return true;
    }

    bool braces(std::size_t& end, std::size_t opened, int depth)
    {
        if (depth + 1 > kMaxNesting)
            return failed("nests braces deeper than " + std::to_string(kMaxNesting));
        const std::size_t after = add(State::Kind::Fork);
        for (;;) {
            const std::size_t branch = add(State::Kind::Fork);
            m_states[end].next.push_back(branch);
            std::size_t last = branch;
            if (!sequence(last, depth + 1))
                return false;
            m_states[last].next.push_back(after);
            if (m_at >= m_pattern.size())
                return failed("has a '{' at byte " + std::to_string(opened) + " that is never closed");
            if (m_pattern[m_at++] == '}')
                break;
        }
        end = after;
        return true;
    }

    /// After '[': "!"? then characters and ranges up to ']'; a ']' that comes first is a member.
    bool set(std::bitset<256>& members, std::size_t opened)
    {
        const bool negated = m_at < m_pattern.size() && m_pattern[m_at] == '!';
        if (negated)
            ++m_at;
        for (bool first = true;; first = false) {
            if (m_at >= m_pattern.size())
                return failed("has a '[' at byte " + std::to_string(opened) + " that is never closed");
            const auto low = static_cast<unsigned char>(m_pattern[m_at++]);
            if (low == ']' && !first)
                break;
            auto high = low;
            if (m_at + 1 < m_pattern.size() && m_pattern[m_at] == '-' && m_pattern[m_at + 1] != ']') {
                high = static_cast<unsigned char>(m_pattern[m_at + 1]);
                m_at += 2;
                if (high < low)
                    return failed("has a range at byte " + std::to_string(m_at - 3) + " that runs backwards");
            }
            for (unsigned c = low; c <= high; ++c)
                members.set(c);
        }
        if (negated)
            members.flip();
        return true;
    }

    std::string_view m_pattern;
    std::size_t m_at = 0;
    std::vector<State> m_states;
    std::string m_problem;
};

/// The states reachable without consuming, each listed once per step.
class StateSet {
public:
    explicit StateSet(const std::vector<State>& states) : m_states(states), m_seen(states.size(), 0) {}

    void clear()
    {
        m_members.clear();
        ++m_step;
    }

    void insert(std::size_t start)
    {
        m_stack.push_back(start);
        while (!m_stack.empty()) {
            const std::size_t at = m_stack.back();
            m_stack.pop_back();
            if (m_seen[at] == m_step)
                continue;
            m_seen[at] = m_step;
            if (m_states[at].kind == State::Kind::Fork)
                m_stack.insert(m_stack.end(), m_states[at].next.begin(), m_states[at].next.end());
            else
                m_members.push_back(at);
        }
    }

    void swap(StateSet& other)
    {
        m_seen.swap(other.m_seen);
        std::swap(m_step, other.m_step);
        m_members.swap(other.m_members);
    }

    const std::vector<std::size_t>& members() const { return m_members; }

private:
    const std::vector<State>& m_states;
    std::vector<std::uint64_t> m_seen;
    std::uint64_t m_step = 0;
    std::vector<std::size_t> m_members, m_stack;
};

/// `*` only: what stands between two stars is found as early as it can be, so no way back is ever needed.
bool matchesStars(std::string_view pattern, std::string_view name)
{
    const std::size_t first = pattern.find('*');
    if (name.substr(0, first) != pattern.substr(0, first))
        return false;
    name.remove_prefix(first);
    pattern.remove_prefix(first);
    while (!pattern.empty()) {
        pattern.remove_prefix(1);   // the star
        const std::string_view piece = pattern.substr(0, pattern.find('*'));
        pattern.remove_prefix(piece.size());
        if (pattern.empty())
            return name.size() >= piece.size() && name.substr(name.size() - piece.size()) == piece;
        const std::size_t at = name.find(piece);
        if (at == std::string_view::npos)
            return false;
        name.remove_prefix(at + piece.size());
    }
    return name.empty();
}

/// States of a pattern, the latest few kept: a recipe asks for the same ones for every linear. Empty when it is ill-formed.
const std::vector<State>& compiled(std::string_view pattern)
{
    constexpr std::size_t kKept = 64;
    thread_local std::map<std::string, std::vector<State>, std::less<>> kept;
    if (const auto found = kept.find(pattern); found != kept.end())
        return found->second;
    if (kept.size() >= kKept)
        kept.clear();
    Compiler compiler(pattern);
    const bool good = compiler.compile();
    return kept.emplace(std::string(pattern), good ? compiler.states() : std::vector<State>{}).first->second;
}

} // namespace

std::string globProblem(std::string_view pattern)
{
    Compiler compiler(pattern);
    compiler.compile();
    return compiler.problem();
}

bool globMatches(std::string_view pattern, std::string_view name)
{
    if (pattern.find_first_of("*?[{") == std::string_view::npos)
        return pattern == name && pattern.size() <= kMaxGlobLength;   // a plain name, the most frequent rule
    if (pattern.find_first_of("?[{") == std::string_view::npos)
        return pattern.size() <= kMaxGlobLength && matchesStars(pattern, name);
    const std::vector<State>& states = compiled(pattern);
    if (states.empty())
        return false;
    StateSet now(states), then(states);
    now.clear();
    now.insert(0);
    for (const char c : name) {
        then.clear();
        for (const std::size_t at : now.members()) {
            const State& state = states[at];
            const bool takes = state.kind == State::Kind::Any
                || (state.kind == State::Kind::Set && state.set.test(static_cast<unsigned char>(c)));
            if (takes)
                then.insert(state.next.front());
        }
        now.swap(then);
        if (now.members().empty())
            return false;
    }
    for (const std::size_t at : now.members())
        if (states[at].kind == State::Kind::Accept)
            return true;
    return false;
}

std::string globEscaped(std::string_view name)
{
    std::string escaped;
    for (const char c : name) {
        if (c == '*' || c == '?' || c == '[' || c == '{')
            escaped += {'[', c, ']'};
        else
            escaped += c;
    }
    return escaped;
}

} // namespace halftone
