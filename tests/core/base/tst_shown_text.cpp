#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/log.h"
#include "core/base/number_text.h"
#include "core/base/shown_text.h"

#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <clocale>
#include <cmath>
#include <cstdio>
#include <limits>

using namespace halftone;

class TestShownText : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whatATerminalObeysIsWrittenOut_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("shown");
        QTest::newRow("plain") << QByteArray("q_proj [64, 64]") << QByteArray("q_proj [64, 64]");
        QTest::newRow("umlauts, marks and signs") << QByteArray("Größe α ± … 中文 🙂") << QByteArray("Größe α ± … 中文 🙂");
        QTest::newRow("clears the screen") << QByteArray("a\x1b[2Jb") << QByteArray("a\\x1b[2Jb");
        QTest::newRow("title") << QByteArray("\x1b]0;t\x07") << QByteArray("\\x1b]0;t\\x07");
        QTest::newRow("line ends") << QByteArray("a\r\nb\tc") << QByteArray("a\\x0d\\x0ab\\x09c");
        QTest::newRow("zero") << QByteArray("a\0b", 3) << QByteArray("a\\x00b");
        QTest::newRow("8-bit escape") << QByteArray("\xc2\x9b" "2J") << QByteArray("\\u{9b}2J");
        QTest::newRow("delete") << QByteArray("\x7f") << QByteArray("\\x7f");
        QTest::newRow("turns text") << QByteArray("a\xe2\x80\xae" "b\xe2\x81\xa6") << QByteArray("a\\u{202e}b\\u{2066}");
        QTest::newRow("hides text") << QByteArray("a\xe2\x80\x8b" "b\xef\xbb\xbf") << QByteArray("a\\u{200b}b\\u{feff}");
        QTest::newRow("tags") << QByteArray("\xf3\xa0\x81\x81") << QByteArray("\\u{e0041}");
        QTest::newRow("no UTF-8") << QByteArray("a\xff\xfe" "b\xc3") << QByteArray("a\\xff\\xfeb\\xc3");
        QTest::newRow("overlong") << QByteArray("\xc0\x9b\xe0\x80\x9b") << QByteArray("\\xc0\\x9b\\xe0\\x80\\x9b");
        QTest::newRow("surrogate") << QByteArray("\xed\xa0\x80") << QByteArray("\\xed\\xa0\\x80");
    }
    void whatATerminalObeysIsWrittenOut()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, shown);
        QCOMPARE(QByteArray::fromStdString(shownText(text.toStdString())), shown);
    }

    void whatIsTooLongLosesItsMiddle()
    {
        const std::string text = "the beginning " + std::string(1'500'000, 'y') + " the reason";
        const std::string shown = shownText(text, 200);
        QVERIFY(shown.size() <= 210);
        QVERIFY(shown.starts_with("the beginning yyy") && shown.ends_with("yyy the reason"));
        std::string letters;
        for (int i = 0; i < 500; ++i)
            letters += "ä";
        for (std::size_t most = 20; most < 60; ++most) {   // no half letters
            const QString whole = QString::fromStdString(shownText(letters, most));
            QCOMPARE(whole.count(QChar(0xfffd)), 0);
            QCOMPARE(whole.count(u'\\'), 0);
        }
    }

    void errorsAndTheLogPassThroughIt()
    {
        const Error error(ErrorKind::BadFile, "x.gguf: architecture \"\x1b[2J" + std::string(100'000, 'a') + "\" is not known.", "x.gguf");
        const std::string what = error.what();
        QVERIFY(what.size() < 2100 && what.find('\x1b') == std::string::npos && what.ends_with("\" is not known."));
        std::string heard;
        const LogSink old = setLogSink([&](LogLevel, std::string_view message) { heard = message; });
        log(LogLevel::Warning, "a\x1b]0;title\x07");
        setLogSink(old);
        QCOMPARE(heard, std::string("a\\x1b]0;title\\x07"));
    }

    void jsonMeansTheSameAndHidesNothing()
    {
        const Json value{{"a\x7f\xc2\x9b", "x\xe2\x80\xae\x1b[2J\xf3\xa0\x81\x81 Größe\n"}, {"list", {1, 0.5, nullptr}}};
        const std::string shown = shownJson(value.dump(2));
        QVERIFY(Json::parse(shown) == value);
        for (const char* hidden : {"\x7f", "\xc2\x9b", "\xe2\x80\xae", "\x1b", "\xf3\xa0"})
            QVERIFY(shown.find(hidden) == std::string::npos);
        QVERIFY(shown.find("Größe") != std::string::npos);
    }

    void valuesThatAreNoUtf8AreQuoted()
    {
        QCOMPARE(quoted(Json("\xff\x1b")), std::string("\"\xef\xbf\xbd\\u001b\""));
        QVERIFY(quoted(Json(std::string(1000, 'x'))).size() < 80);
    }

    void numbersAreWrittenAsPrintfDoes()
    {
        for (const double value : {0.0, -0.0, 0.15, 1.0 / 3, 1e-5, 123456.789, 1e21, -2.5e-300, 1e308, std::numeric_limits<double>::infinity()})
            for (const int digits : {1, 3, 6, 9, 17}) {
                char text[400];
                std::snprintf(text, sizeof text, "%.*g", digits, value);
                QCOMPARE(QString::fromStdString(numberText(value, digits)), QString(text));
                std::snprintf(text, sizeof text, "%.*f", digits, value);
                QCOMPARE(QString::fromStdString(fixedText(value, digits)), QString(text));
            }
        QCOMPARE(QString::fromStdString(numberText(std::nan(""))), QString("nan"));
    }

    void numbersHaveAPointUnderACommaLocale()
    {
        const QTemporaryDir folder;
        if (QProcess::execute("localedef", {"-i", "de_DE", "-f", "UTF-8", folder.filePath("de_DE.UTF-8")}) != 0)
            QSKIP("localedef or its sources are missing, so that no comma locale can be made");
        qputenv("LOCPATH", folder.path().toLocal8Bit());
        QVERIFY(std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr);
        char comma[16];
        std::snprintf(comma, sizeof comma, "%g", 0.5);
        const std::string number = numberText(0.15), fixed = fixedText(1234.5, 2);
        std::setlocale(LC_ALL, "C");
        QCOMPARE(QString(comma), QString("0,5"));   // the locale is in force
        QCOMPARE(number, std::string("0.15"));
        QCOMPARE(fixed, std::string("1234.50"));
    }
};

QTEST_GUILESS_MAIN(TestShownText)
#include "tst_shown_text.moc"
