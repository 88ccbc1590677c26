#include "core/base/error.h"
#include "core/text/regex.h"

#include <QElapsedTimer>
#include <QtTest>

using namespace halftone;

class RegexTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void longPatternsAreCutInMessages()
    {
        std::string pattern = "(";
        for (int i = 0; i < 20'000; ++i)
            pattern += "ab|";
        try {
            const Regex regex(pattern, "tokenizer.json");
            QFAIL("no error");
        } catch (const Error& error) {
            QVERIFY2(std::string_view(error.what()).size() < 400, "the whole pattern is printed");
        }
    }

    void matchesAsOnigurumaDoes_data()
    {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QStringList>("found");
        const auto row = [](const char* name, const char* pattern, const QString& text, const QStringList& found) {
            QTest::newRow(name) << pattern << text << found;
        };
        row("white space is Unicode's", "\\s", QStringLiteral("a\u0085b\u3000c\u180ed\u200be"), {QStringLiteral("\u0085"), QStringLiteral("\u3000")});
        row("no white space", "\\S+", QStringLiteral("a\u00a0b"), {"a", "b"});
        row("digits of any script", "\\d+", QStringLiteral("12\u0663\u0664 \u00bd"), {QStringLiteral("12\u0663\u0664")});
        row("words with marks", "\\w+", QStringLiteral("e\u0301t\u00e9_1-x"), {QStringLiteral("e\u0301t\u00e9_1"), "x"});
        row("not words", "\\W+", QStringLiteral("a-\u00e9 !b"), {"-", " !"});
        row("word borders", "\\bthe\\b", "the other the", {"the", "the"});
        row("classes in classes join", "[^(\\s|[.,]x)]+", "ab.c,d x(e", {"ab", "c", "d", "e"});
        row("script, not its extensions", "\\p{Hiragana}+", QStringLiteral("\u3042\u30fc\u30a2"), {QStringLiteral("\u3042")});
        row("negated property", "\\p{^L}+", "ab12!c", {"12!"});
        row("lines, not the text", "^b$", "a\nb\nc", {"b"});
        row("dot stops at line feeds only", "a.+", "ab\rc\nd", {"ab\rc"});
        row("vertical tab", "\\v", "a\v\nb", {"\v"});
        row("hexadecimal digits", "\\h+", "xyzAF09g", {"AF09"});
        row("case beyond ASCII", "(?i:'s)", QStringLiteral("'\u017f 'S"), {QStringLiteral("'\u017f"), "'S"});
        row("empty matches once a place", "x*", "axb", {"", "x", ""});
        row("look-ahead ends at the text", "\\s+(?!\\S)|\\s+", "a   b  ", {"  ", " ", "  "});
        row("escaped characters", "[\\-\\]\\[]+\\/", "a-][/", {"-][/"});
        // Characters newer than PCRE2's version of Unicode: an ideograph, a hieroglyph, a digit, an emoji.
        row("newer letters", "\\p{L}+", QStringLiteral("a\U00031350\U00013460-"), {QStringLiteral("a\U00031350\U00013460")});
        row("newer digits", "\\d+|[\\p{N}]+", QStringLiteral("1\U0001E4F0a"), {QStringLiteral("1\U0001E4F0")});
        row("neither letters nor digits", "[^\\s\\p{L}\\p{N}]+", QStringLiteral("\U00031350\U0001E4F0\U0001FAE8!"), {QStringLiteral("\U0001FAE8!")});
        row("no newer letters", "\\P{L}+", QStringLiteral("-\U00031350\U0001FAE8"), {"-", QStringLiteral("\U0001FAE8")});
        row("words of newer letters", "\\w+", QStringLiteral("a\U00031350!"), {QStringLiteral("a\U00031350")});
        row("a newer script", "\\p{Han}+", QStringLiteral("a\U00031350"), {QStringLiteral("\U00031350")});
        // As tokenizers 0.23.3 (Oniguruma) splits them.
        row("from nothing", "a{,3}", "aaaaab", {"aaa", "aa", ""});
        row("so many", "a{2}|b{2,}|c{1,2}", "aaabbbcccc", {"aa", "bbb", "cc", "cc"});
        row("as few as will do", "a{2,3}?", "aaaaab", {"aa", "aa"});
        row("from nothing, as few", "ba{,2}?", "baa", {"b"});
        row("there or not", "a{2}?b", "aabb", {"aab", "b"});
        row("repetitions repeated", "a{2,3}+", "aaaaaaaab", {"aaaaaaaa"});
        row("and give back", "a{2,3}+a", "aaaaaab", {"aaaaaa"});
        row("repetitions of repetitions", "x{2}{3}", "xxxxxxxx", {"xxxxxx"});
        row("of groups", "(ab){2,3}?|(?:cd){,2}e", "ababcdcde", {"abab", "cdcde"});
        row("of classes and escapes", "[ab]{2}?c|\\p{N}{1,2}{2}|é{2}+", QStringLiteral("abc1234éééé"), {"abc", "1234", QStringLiteral("éééé")});
        row("turned round", "a{3,2}", "aaaaaab", {"aaa", "aaa"});
        row("turned round, nothing is given back", "a{3,2}a", "aaa", {});
        row("braces that are none", "a{x}|{b}|c{,}|d{1", "a{x}{b}c{,}d{1", {"a{x}", "{b}", "c{,}", "d{1"});
        row("names", "(?<word>\\w+)-(?<n>\\d)", "ab-1", {"ab-1"});
        row("dots that meet line feeds", "(?m:a.b).", "a\nb\na\nbc", {"a\nbc"});
        row("POSIX names", "[[:alpha:]]+|[^[:space:][:alpha:]]+", QStringLiteral("abé 12\u3000x"), {QStringLiteral("abé"), "12", "x"});
        row("not words, in a class", "[\\W]+|[\\S\\n]{2}", QStringLiteral("ab-\u00e9 !\u00b2c"), {"ab", "-", QStringLiteral(" !\u00b2")});
        row("all that sets lack, and more", "[^\\W\\d_]+", QStringLiteral("ab1_\u00e9c \U00031350\U0001E4F0"), {"ab", QStringLiteral("\u00e9c"), QStringLiteral("\U00031350")});
        row("no digits, in a class", "[\\D]+", QStringLiteral("a1\U0001E4F0\U0001FAE8"), {"a", QStringLiteral("\U0001FAE8")});
        row("no newer letters, in a class", "[\\P{L}]+|[^\\P{L}x]+", QStringLiteral("-\U00031350x1"), {"-", QStringLiteral("\U00031350"), "1"});
        row("negated classes in classes", "[x[^a-z]]+", "abxA-z", {"xA-"});
        row("classes cut with each other", "[a-z&&[^aeiou]]+|[^a-z&&\\w]", "abce1-", {"bc", "1", "-"});
        row("a negated cut", "[^a-z&&[^b]]+", "ab1c", {"b1"});
        row("superscripts are words where they stand alone", "\\w|[\\w]\\b", QStringLiteral("\u00b2-a"), {QStringLiteral("\u00b2"), "a"});
        row("but not in a class", "[\\w]+", QStringLiteral("\u00b2a\u00bd"), {"a"});
        row("nor are they borders", "\\B.", QStringLiteral("a\u00b2-"), {QStringLiteral("\u00b2")});
        row("newer marks of letters", "[[:alpha:]]+", QStringLiteral("\u0363-"), {QStringLiteral("\u0363")});
        row("neither assigned nor not", "\\P{C}+", QStringLiteral("\U0001E4F0\u0378"), {QStringLiteral("\U0001E4F0")});
        row("ends of lines", "\\R", QStringLiteral("a\r\n\n\u2028\v"), {"\r\n", "\n", QStringLiteral("\u2028"), "\v"});
        row("no hexadecimal digits", "\\H+|[^\\H]+", "xyzAFg", {"xyz", "AF", "g"});
        row("negated POSIX names", "[[:^alpha:]]+", "ab1 c", {"1 "});
        row("names at length", "\\p{Letter}+|\\p{White_Space}", "ab 1", {"ab", " "});
        row("case is ignored to the end of the group, in its other branches too", "x(?:a(?i)b|C)", "xaB xc xac xC", {"xaB", "xac"});
        row("empty matches", "x?", "ab", {"", "", ""});
        row("none in an empty text", "x?", "", {});
        row("code points", "[\\u4e00-\\u9fff]+|\\x{1F600}", QStringLiteral("a中文\U0001F600"), {QStringLiteral("中文"), QStringLiteral("\U0001F600")});
    }

    void matchesAsOnigurumaDoes()
    {
        QFETCH(QString, pattern);
        QFETCH(QString, text);
        QFETCH(QStringList, found);
        const std::string bytes = text.toStdString();
        const Regex regex(pattern.toStdString(), "test");
        QStringList got;
        for (const auto& [begin, end] : regex.all(bytes, TextBudget(bytes.size())))
            got << QString::fromStdString(bytes.substr(begin, end - begin));
        QCOMPARE(got, found);
    }

    void whatHasNoEquivalentIsNamed_data()
    {
        QTest::addColumn<QString>("pattern");
        for (const char* pattern : {"\\X", "\\K", "\\1", "[a&&]", "[[:graph:]]", "\\p{Klingon}", "(?i:\\p{Lu})", "(?i:[a[^b]])", "(?i:\\P{L})", "(?i:ass)", "[a-\\d]", "(?x:a)", "a{1,100000}", "\\u12", "[a", "a\\"})
            QTest::newRow(pattern) << pattern;
    }

    void whatHasNoEquivalentIsNamed()
    {
        QFETCH(QString, pattern);
        try {
            const Regex regex(pattern.toStdString(), "tokenizer.json");
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::Unsupported);
            QVERIFY2(QString(error.what()).contains(pattern) && QString(error.what()).contains("tokenizer.json"), error.what());
        }
    }

    void aPatternThatIsNoUtf8IsRefused_data()
    {
        QTest::addColumn<QByteArray>("pattern");
        QTest::newRow("a character cut off by the end") << QByteArray("a\xF0\x9F");
        QTest::newRow("bytes that begin none") << QByteArray("f\xFF\xD2l\xFF(\xFF?m");
        QTest::newRow("in a class") << QByteArray("[\xE2]");
    }
    void aPatternThatIsNoUtf8IsRefused()
    {
        QFETCH(QByteArray, pattern);
        try {
            const Regex regex(std::string_view(pattern.constData(), static_cast<std::size_t>(pattern.size())), "tokenizer.json");
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(QString(error.what()).contains("UTF-8"), error.what());
        }
    }

    void literalTextHasNoOperators()
    {
        const Regex regex = Regex::literal("a.(b)[c]*▁\\", "test");
        const std::string text = "xa.(b)[c]*▁\\a_(b)";
        const auto found = regex.all(text, TextBudget(text.size()));
        QCOMPARE(found.size(), std::size_t{1});
        QCOMPARE(found[0].first, std::size_t{1});
    }

    void expressionsWithoutEndAreStopped_data()
    {
        QTest::addColumn<QString>("pattern");
        QTest::addColumn<QString>("text");
        QTest::newRow("exponential") << "(a+)+b" << QString(60, 'a');
        QTest::newRow("one start after the other") << "a{0,80}a{0,80}a{0,80}a{0,80}(?=b)" << QString(3000, 'a');
        QTest::newRow("quadratic") << "\\d+(?=x)" << QString(4'000'000, '1');
    }

    void expressionsWithoutEndAreStopped()
    {
        QFETCH(QString, pattern);
        QFETCH(QString, text);
        QElapsedTimer timer;
        timer.start();
        try {
            Regex(pattern.toStdString(), "tokenizer.json").all(text.toStdString(), TextBudget(std::chrono::milliseconds(200), 0));
            QVERIFY2(!pattern.startsWith("\\d"), "4 million walks over 4 MB cannot end in time");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(QString(error.what()).contains(pattern) && QString(error.what()).startsWith("tokenizer.json: "), error.what());
        }
        QVERIFY2(timer.elapsed() < 20'000, qPrintable(QString::number(timer.elapsed())));
    }
};

QTEST_GUILESS_MAIN(RegexTest)
#include "tst_regex.moc"
