#include "core/base/error.h"
#include "core/text/text_choice.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

using namespace halftone;

namespace fs = std::filesystem;

class TextChoiceTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
    }

    void onePlainFileIsReadByteByByte()
    {
        const TextRead read = readTexts(written("a.txt", "A line\r\n\n\xFF end \n"));
        QCOMPARE(read.text, std::string("A line\r\n\n\xFF end \n"));
        QVERIFY(read.notes.empty());
    }

    void severalFilesAreJoinedInTheirOrderByAnEmptyLine()
    {
        TextChoice texts;
        texts.paths = {written("b.txt", "second"), written("a.txt", "first")};
        const TextRead read = readTexts(texts);
        QCOMPARE(read.text, std::string("second\n\nfirst"));
        QCOMPARE(read.notes, std::vector<std::string>{"the text was put together from 2 files"});
        QVERIFY(QString::fromStdString(texts.name()).endsWith("b.txt and 1 more"));
    }

    void aFolderGivesItsTextsSortedAndNothingElse()
    {
        written("texts/2.txt", "two");
        written("texts/1.jsonl", "{\"text\": \"one\"}\n");
        written("texts/deeper/3.ndjson", "{\"text\": \"three\"}");
        written("texts/notes.md", "no");
        written("texts/config.json", "{}");
        written("texts/.hidden.txt", "no");
        written("outside.txt", "secret");
        QVERIFY(QFile::link(path("outside.txt"), path("texts/leads-out.txt")));
        QVERIFY(QFile::link(path("texts/2.txt"), path("texts/twice.txt")));
        QVERIFY(QFile::link(path("texts"), path("texts/loop")));
        const TextRead read = readTexts(path("texts").toStdString());
        QCOMPARE(read.text, std::string("one\n\ntwo\n\nthree\n\ntwo"));
        QCOMPARE(read.notes.back(), std::string("1 links that lead out of the folder were left alone"));
        QVERIFY(QDir(path("")).mkdir("empty"));
        refused(path("empty").toStdString(), "holds no *.txt");
    }

    void rowsOfJsonGiveTheFieldThatIsNamed()
    {
        const fs::path rows = written("rows.jsonl", "\xEF\xBB\xBF{\"text\": \"a\", \"prompt\": \"p\"}\r\n\n{\"text\": \"\", \"prompt\": \"q\\u00e9\"}\n");
        TextChoice texts(rows);
        const TextRead read = readTexts(texts);
        QCOMPARE(read.text, std::string("a"));
        QCOMPARE(read.notes, std::vector<std::string>{"1 of 2 rows of JSON hold text; the others are empty"});
        texts.field = "prompt";
        QCOMPARE(readTexts(texts).text, std::string("p\n\nq\xC3\xA9"));
        QCOMPARE(readTexts(written("table.json", "[{\"text\": \"x\"},\n \"y\"]")).text, std::string("x\n\ny"));
        QCOMPARE(readTexts(written("strings.jsonl", "\"x\"\n\"y\"")).text, std::string("x\n\ny"));
    }

    void chatsAreWrittenAsRoleAndContent()
    {
        const TextRead read = readTexts(written("chat.jsonl",
            R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Hello"}, {"type": "image"}]}]})" "\n"
            R"({"conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]})" "\n"
            R"({"messages": [{"role": "assistant", "content": null, "tool_calls": []}]})"));
        QCOMPARE(read.text, std::string("user: Hi\nassistant: Hello\n\nhuman: 1+1?\ngpt: 2\n\nassistant: "));
        QCOMPARE(read.notes.back(), std::string("3 chats are written as lines \"role: content\"; the model's chat template is not applied"));
    }

    void faultyRowsAreNamedByFileAndLine_data()
    {
        QTest::addColumn<QByteArray>("rows");
        QTest::addColumn<QString>("field");
        QTest::addColumn<QString>("part");
        QTest::newRow("no JSON") << QByteArray("{\"text\": \"a\"}\n{\"text\": ") << QString() << QStringLiteral("line 2");
        QTest::newRow("a number") << QByteArray("{\"text\": \"a\"}\n\n17") << QString() << QStringLiteral("line 3: is number");
        QTest::newRow("another field") << QByteArray("{\"prompt\": \"a\"}") << QString() << QStringLiteral("line 1: there is no \"text\", but \"prompt\"");
        QTest::newRow("no such field") << QByteArray("{\"text\": \"a\"}") << QStringLiteral("body") << QStringLiteral("there is no \"body\"");
        QTest::newRow("text that is none") << QByteArray("{\"text\": 5}") << QString() << QStringLiteral("\"text\" is number");
        QTest::newRow("a chat of strings") << QByteArray("{\"messages\": [\"a\"]}") << QString() << QStringLiteral("\"messages\" holds something other");
        QTest::newRow("a chat without roles") << QByteArray("{\"messages\": [{\"content\": \"a\"}]}") << QString() << QStringLiteral("line 1");
        QTest::newRow("nothing but empty rows") << QByteArray("{\"text\": \"\"}\n") << QString() << QStringLiteral("every row of it is empty");
        QTest::newRow("control bytes in a key") << QByteArray("{\"\\u001b[2J\": 1}") << QString() << QStringLiteral("\\x1b[2J");
    }

    void faultyRowsAreNamedByFileAndLine()
    {
        QFETCH(QByteArray, rows);
        QFETCH(QString, field);
        QFETCH(QString, part);
        TextChoice texts(written("rows.jsonl", rows.toStdString()));
        texts.field = field.toStdString();
        refused(texts, part.toUtf8().constData());
    }

    void aFieldOfPlainTextIsRefused()
    {
        TextChoice texts(written("a.txt", "text"));
        texts.field = "body";
        refused(texts, "is plain text");
    }

    void missingAndBinaryFilesAmongSeveralAreNamed()
    {
        TextChoice texts(written("a.txt", "text"));
        texts.paths.push_back(path("missing.txt").toStdString());
        refused(texts, "missing.txt");
        texts.paths.back() = written("b.jsonl", std::string("PAR1\0\0", 6));
        refused(texts, "b.jsonl: the file is binary");
    }

    void aRowThatIsABombIsRefusedBeforeItTakesMemory()
    {
        std::string row = "{\"text\": [";
        for (int i = 0; i < 6'000'000; ++i)
            row += "[],";
        row += "[]]}";
        refused(written("rows.jsonl", row), "rows.jsonl");
    }

    void aLineIsReadBackAsTheChoice()
    {
        TextChoice texts;
        texts.paths = {"/a/b c.txt", "/d"};
        texts.field = "my field";
        QCOMPARE(texts.line(), std::string("/a/b c.txt; /d; field: my field"));
        QCOMPARE(TextChoice::parse(texts.line()), texts);
        QCOMPARE(TextChoice::parse(" /a ;;/d;").paths, (std::vector<fs::path>{"/a", "/d"}));
        const fs::path odd = written("a; b.txt", "x");   // a file that is there is one file
        QCOMPARE(TextChoice::parse(odd.string()).paths, std::vector<fs::path>{odd});
        QVERIFY(TextChoice(fs::path()).empty());
    }

    void aNameWithTheLinesOwnMarksIsReadBack()
    {
        for (const char* name : {"/a;b.jsonl", "/a; field: x", "/a\\;b", "/a\\", "/ends with a space ", " begins with one", "field: x", "/\xe9;", "a\\fb", ";"}) {
            for (const char* field : {"", "content"}) {
                TextChoice texts{fs::path(name)};
                texts.field = field;
                QCOMPARE(TextChoice::parse(texts.line()), texts);
                texts.paths.push_back("/d;e");
                QCOMPARE(TextChoice::parse(texts.line()), texts);
            }
        }
    }

private:
    QString path(const QString& name) const { return m_folder->filePath(name); }

    fs::path written(const QString& name, const std::string& text) const
    {
        QDir().mkpath(QFileInfo(path(name)).absolutePath());
        QFile file(path(name));
        const auto size = static_cast<qint64>(text.size());
        if (!file.open(QIODevice::WriteOnly) || file.write(text.data(), size) != size)
            qFatal("cannot write");
        return file.fileName().toStdString();
    }

    static void refused(const TextChoice& texts, const char* part)
    {
        try {
            readTexts(texts);
            QFAIL("no error");
        } catch (const Error& error) {
            QCOMPARE(error.kind(), ErrorKind::BadFile);
            QVERIFY2(QString::fromUtf8(error.what()).contains(QString::fromUtf8(part)), error.what());
            QVERIFY2(QString::fromUtf8(error.what()).startsWith('/'), error.what());
        }
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_GUILESS_MAIN(TextChoiceTest)
#include "tst_text_choice.moc"
