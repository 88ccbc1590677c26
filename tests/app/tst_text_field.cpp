#include "app/studio/text.h"
#include "app/studio/text_field.h"
#include "core/text/text_choice.h"

#include <QDir>
#include <QFile>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

#include <memory>
#include <utility>
#include <vector>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The line for texts, by keys and clicks.
class TestTextField : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, m_folder->path());
        const std::vector<std::pair<QString, QByteArray>> files{
            {u"a.txt"_s, "one"}, {u"b.txt"_s, "two"}, {u"rows.jsonl"_s, "{\"story\": \"three\"}\n"}, {u"empty.txt"_s, ""}};
        for (const auto& [name, content] : files) {
            QFile file(path(name));
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write(content);
        }
    }

    void severalTextsAreTypedWithSemicolons()
    {
        TextField field(u"text"_s, path(u"a.txt"_s));
        field.show();
        QVERIFY(QTest::qWaitForWindowExposed(&field));
        QSignalSpy changed(&field, &TextField::changed);
        type(field, path(u"a.txt"_s) + u"; "_s + path(u"b.txt"_s));
        QVERIFY(changed.count() > 0);
        QCOMPARE(field.choice().paths.size(), std::size_t{2});
        QCOMPARE(readTexts(field.choice()).text, std::string("one\n\ntwo"));
        QVERIFY2(field.problem().isEmpty(), qPrintable(field.problem()));
        QCOMPARE(textsTitle(field.file()), u"a.txt and 1 more"_s);
        type(field, path(u"a.txt"_s) + u"; "_s + path(u"none.txt"_s));
        QVERIFY(field.problem().contains(u"none.txt"_s));
        type(field, path(u"empty.txt"_s));
        QVERIFY(field.problem().contains(u"is empty"_s));
        QTest::mouseClick(field.findChild<QPushButton*>(u"textSample"_s), Qt::LeftButton);
        QCOMPARE(field.file(), path(u"a.txt"_s));
    }

    void theFieldOfARowIsAskedWhereThereAreRows()
    {
        TextField field(u"text"_s, QString());
        field.show();
        QVERIFY(QTest::qWaitForWindowExposed(&field));
        auto* key = field.findChild<QLineEdit*>(u"textKey"_s);
        type(field, path(u"a.txt"_s));
        QVERIFY(!key->isVisible());
        type(field, path(u"rows.jsonl"_s));
        QTRY_VERIFY(key->isVisible());
        QTest::keyClicks(key, u"story"_s);
        QCOMPARE(readTexts(field.choice()).text, std::string("three"));
        const QString line = field.file();
        TextField again(u"text"_s, QString());
        again.setFile(line);   // as a job's last text comes back
        QCOMPARE(again.choice(), field.choice());
        type(field, m_folder->path());   // a folder may hold rows too
        QVERIFY(key->isVisible());
    }

    void whereOneTextIsTakenTwoAreAProblem()
    {
        TextField field(u"text"_s, QString(), nullptr, TextField::Takes::One);
        field.setFile(path(u"a.txt"_s) + u"; "_s + path(u"b.txt"_s));
        QVERIFY(field.problem().contains(u"one text"_s));
        field.setFile(m_folder->path());
        QVERIFY(field.problem().isEmpty());
    }

private:
    QString path(const QString& name) const { return m_folder->filePath(name); }

    static void type(TextField& field, const QString& text)
    {
        QTest::mouseClick(field.edit(), Qt::LeftButton);
        QTest::keySequence(field.edit(), QKeySequence::SelectAll);
        QTest::keyClicks(field.edit(), text);
    }

    std::unique_ptr<QTemporaryDir> m_folder;
};

QTEST_MAIN(TestTextField)
#include "tst_text_field.moc"
