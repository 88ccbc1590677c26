#include "core/recipe/glob.h"

#include <QElapsedTimer>
#include <QTest>

#include <random>
#include <string>
#include <vector>

using halftone::globMatches;

namespace {

/// Braces by expansion, the rest by backtracking: slow and plain, for patterns without nesting errors.
std::vector<std::string> expanded(const std::string& pattern)
{
    int depth = 0;
    std::size_t open = std::string::npos;
    bool inSet = false;
    std::vector<std::string> branches;
    std::string branch;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (inSet) {
            inSet = !(c == ']' && pattern[i - 1] != '[');
        } else if (c == '[') {
            inSet = true;
        } else if (c == '{' && depth++ == 0) {
            open = i;
            continue;
        } else if (c == '}' && depth > 0 && --depth == 0) {
            branches.push_back(branch);
            std::vector<std::string> all;
            for (const std::string& one : branches)
                for (const std::string& rest : expanded(pattern.substr(i + 1)))
                    for (const std::string& inner : expanded(one))
                        all.push_back(pattern.substr(0, open) + inner + rest);
            return all;
        } else if (c == ',' && depth == 1) {
            branches.push_back(branch);
            branch.clear();
            continue;
        }
        if (depth > 0)
            branch += c;
    }
    return {pattern};
}

bool plainMatch(const char* p, const char* n)
{
    if (*p == '\0')
        return *n == '\0';
    if (*p == '*')
        return plainMatch(p + 1, n) || (*n != '\0' && plainMatch(p, n + 1));
    if (*n == '\0')
        return false;
    if (*p == '?')
        return plainMatch(p + 1, n + 1);
    if (*p == '[') {
        const char* q = p + 1;
        bool in = false;
        for (; *q != ']'; ++q)
            in = in || *q == *n;
        return in && plainMatch(q + 1, n + 1);
    }
    return *p == *n && plainMatch(p + 1, n + 1);
}

bool naive(const std::string& pattern, const std::string& name)
{
    for (const std::string& one : expanded(pattern))
        if (plainMatch(one.c_str(), name.c_str()))
            return true;
    return false;
}

} // namespace

class TestGlob : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void patternsMeanWhatTheHelpSays_data()
    {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<QString>("name");
        QTest::addColumn<bool>("matches");
        const auto row = [](const char* pattern, const char* name, bool matches) { QTest::addRow("%s | %s", pattern, name) << pattern
            << name << matches; };
        row("model.layers.3.mlp.down_proj", "model.layers.3.mlp.down_proj", true);
        row("model.layers.3.mlp.down_proj", "model.layers.31mlp.down_proj", false);
        row("*.mlp.down_proj", "model.layers.3.mlp.down_proj", true);
        row("*.down_proj", "model.layers.3.mlp.up_proj", false);
        row("model.layers.{0,1}.*", "model.layers.1.self_attn.q_proj", true);
        row("model.layers.{0,1}.*", "model.layers.11.self_attn.q_proj", false);
        row("model.layers.?.*", "model.layers.11.x", false);
        row("model.layers.??.*", "model.layers.11.x", true);
        row("*.[qkv]_proj", "model.layers.1.self_attn.k_proj", true);
        row("*.[qkv]_proj", "model.layers.1.self_attn.o_proj", false);
        row("*.[!qkv]_proj", "model.layers.1.self_attn.o_proj", true);
        row("layers.[1-3].x", "layers.2.x", true);
        row("layers.[1-3].x", "layers.4.x", false);
        row("{a,b{c,d}}e", "bde", true);
        row("{a,b{c,d}}e", "be", false);
        row("x{,.y}", "x", true);
        row("x{,.y}", "x.y", true);
        row("*", "", true);
        row("", "", true);
        row("", "a", false);
        row("?", "", false);
        row("a[*]b", "a*b", true);
        row("a[*]b", "axb", false);
        row("[]]", "]", true);
        row("a}b,c", "a}b,c", true);
    }
    void patternsMeanWhatTheHelpSays()
    {
        QFETCH(QString, pattern);
        QFETCH(QString, name);
        QFETCH(bool, matches);
        QCOMPARE(globMatches(pattern.toStdString(), name.toStdString()), matches);
        QCOMPARE(halftone::globProblem(pattern.toStdString()), std::string());
    }

    void randomPatternsMatchAsANaiveMatcherSays()
    {
        std::mt19937 random(7);
        const auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
        int matched = 0;
        for (int round = 0; round < 20000; ++round) {
            std::string pattern, name;
            const char* pieces[] = {"a", "b", ".", "*", "?", "[ab]", "{a,b}", "{,a*}", "{b.,?a,[b.]}", "{a,{b,.}}"};
            for (std::size_t i = pick(6); i-- > 0;)
                pattern += pieces[pick(std::size(pieces))];
            for (std::size_t i = pick(8); i-- > 0;)
                name += "ab."[pick(3)];
            const bool wanted = naive(pattern, name);
            matched += wanted;
            QVERIFY2(globMatches(pattern, name) == wanted, (pattern + " | " + name).c_str());
        }
        QVERIFY(matched > 1000);
    }

    void brokenPatternsSayWhereAndMatchNothing_data()
    {
        QTest::addColumn<QString>("pattern");
        for (const char* pattern : {"a[bc", "[", "[]", "a{b,c", "{", "{a,{b}", "[z-a]"})
            QTest::addRow("%s", pattern) << pattern;
        QTest::addRow("too long") << QString(2000, 'a');
        QTest::addRow("too deep") << QString(20, '{') + QString(20, '}');
    }
    void brokenPatternsSayWhereAndMatchNothing()
    {
        QFETCH(QString, pattern);
        QVERIFY(!halftone::globProblem(pattern.toStdString()).empty());
        QVERIFY(!globMatches(pattern.toStdString(), pattern.toStdString()));
    }

    void hostilePatternsTakeNoLongerThanTheirLength()
    {
        std::string stars, braces;
        for (int i = 0; i < 300; ++i)
            stars += "*a";
        stars += "b";
        for (int i = 0; i < 200; ++i)
            braces += "{a,aa}";
        QElapsedTimer timer;
        timer.start();
        QVERIFY(!globMatches(stars, std::string(4000, 'a')));
        QVERIFY(!globMatches(braces, std::string(1000, 'a')));
        QVERIFY2(timer.elapsed() < 5000, "backtracking would take longer than the universe is old");
    }

    void escapedNamesMatchOnlyThemselves()
    {
        const std::string name = "odd[1].{x}*?";
        const std::string pattern = halftone::globEscaped(name);
        QVERIFY(globMatches(pattern, name));
        QVERIFY(!globMatches(pattern, "odd1.xab"));
    }
};

QTEST_APPLESS_MAIN(TestGlob)
#include "tst_glob.moc"
