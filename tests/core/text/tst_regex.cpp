#include "core/base/error.h"
#include "core/text/regex.h"

#include <QElapsedTimer>
#include <QtTest>

using namespace halftone;

class RegexTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
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
        for (const char* pattern : {"\\X", "\\R", "\\K", "\\1", "[a&&b]", "[a[^b]]", "[[:alpha:]]", "\\p{Klingon}", "(?<name>a)", "(?m:a)",
                                    "a{1,3}+", "a{,3}", "a{x}", "[\\W]", "\\u12", "[a", "a\\"})
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
            QVERIFY2(pattern.startsWith('('), "4 million walks over 4 MB cannot end in time");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY(QString(error.what()).contains(pattern));
        }
        QVERIFY2(timer.elapsed() < 20'000, qPrintable(QString::number(timer.elapsed())));
    }
};

QTEST_GUILESS_MAIN(RegexTest)
#include "tst_regex.moc"
