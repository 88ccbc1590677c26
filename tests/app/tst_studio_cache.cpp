#include "window_fixture.h"

#include "widgets/action_reason.h"
#include "widgets/summary_bar.h"

#include <QLabel>
#include <QMenu>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The KV cache's grid in the window: chosen in its menu, seen in the summary, undone, refused with a reason.
class TestStudioCache : public WindowFixture {
    Q_OBJECT
private:
    const KvCacheGrid& cache() { return document().recipe().kvCache; }
    QWidget* cell() { return m_window->findChild<QWidget*>(u"summaryCache"_s); }
    QString shown() { return cell()->isVisible() ? cell()->accessibleName() : QString(); }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init()
    {
        STEP(begin());
        STEP(openModel());
    }
    void cleanup() { end(); }

    void everyChoiceIsOneUndoStepAndShowsInTheSummary()
    {
        QVERIFY(!cell()->isVisible());   // a float cache takes no room
        QVERIFY(!action(u"kvCacheBits-4"_s)->isEnabled());
        QVERIFY(actionReason(*action(u"kvCacheBits-4"_s)).contains(u"float"_s));
        const Recipe before = document().recipe();
        STEP(trigger(u"kvCache-per_token_head"_s));
        QCOMPARE(cache().scheme, KvCacheGrid::Scheme::PerTokenHead);
        QCOMPARE(cache().bits, 8);
        QVERIFY(!cache().symmetric);
        QCOMPARE(shown(), u"KV cache: 8 bits per head"_s);
        QCOMPARE(document().undoStack().undoText(), u"KV cache: 8 bits per head"_s);
        STEP(trigger(u"kvCache-per_token"_s));
        STEP(trigger(u"kvCacheBits-4"_s));
        STEP(trigger(u"kvCacheSymmetric"_s));
        STEP(trigger(u"kvCacheBefore"_s));
        STEP(trigger(u"kvCacheQueries"_s));
        const KvCacheGrid all{KvCacheGrid::Scheme::PerToken, 4, true, KvCacheGrid::Position::PreRope, true, {}};
        QVERIFY(cache() == all);
        QCOMPARE(shown(), u"KV cache: 4 bits per token"_s);
        for (const char* part : {"4 bits", "symmetric", "before the rotation", "queries too"})
            QVERIFY2(cell()->toolTip().contains(QLatin1String(part)), qPrintable(cell()->toolTip()));
        const auto* value = m_window->findChild<QWidget*>(u"summaryCacheValue"_s);
        QTRY_VERIFY(value->width() >= value->sizeHint().width());   // room for the whole of it
        keepPicture(m_window.get(), u"kv-cache-summary"_s);
        // It is saved with the recipe and read again.
        QVERIFY(Recipe::parse(document().recipe().toJson(), "saved").kvCache == all);
        while (document().undoStack().canUndo())
            QTest::keySequence(m_window.get(), QKeySequence::Undo);
        QVERIFY(document().recipe() == before);
        QVERIFY(!cell()->isVisible());
        QVERIFY(action(u"kvCache-none"_s)->isChecked());
        QTest::keySequence(m_window.get(), QKeySequence::Redo);
        QVERIFY(cache().quantized() && cell()->isVisible());
        STEP(trigger(u"kvCache-none"_s));
        QVERIFY(!cell()->isVisible());
    }

    void theCellOpensTheMenuByMouseAndKey()
    {
        STEP(trigger(u"kvCache-per_token"_s));
        auto* menu = m_window->findChild<QMenu*>(u"kvCacheMenu"_s);
        QVERIFY(menu);
        QTest::mouseClick(cell(), Qt::LeftButton);
        QTRY_VERIFY(menu->isVisible());
        keepPicture(menu, u"kv-cache-menu"_s);
        menu->close();
        cell()->setFocus();
        QTest::keyClick(cell(), Qt::Key_Return);
        QTRY_VERIFY(menu->isVisible());
        menu->setActiveAction(action(u"kvCacheBits-4"_s));
        QTest::keyClick(menu, Qt::Key_Return);
        QTRY_COMPARE(cache().bits, 4);
        QTRY_VERIFY(!menu->isVisible());
    }

    void whatAContractCannotServeIsOffWithTheReason()
    {
        STEP(trigger(u"contract-transformers"_s));
        QVERIFY(action(u"kvCache-per_token_head"_s)->isEnabled());
        QVERIFY(!action(u"kvCache-per_token"_s)->isEnabled());
        QVERIFY(actionReason(*action(u"kvCache-per_token"_s)).contains(u"per_token_head"_s));
        STEP(trigger(u"kvCache-per_token_head"_s));
        QVERIFY(!action(u"kvCacheBefore"_s)->isEnabled());
        QVERIFY(!action(u"kvCacheQueries"_s)->isEnabled());
        QVERIFY(action(u"kvCacheSymmetric"_s)->isEnabled());
        // A contract that refuses the cache chosen is itself refused, with the sentence; nothing is dropped silently.
        STEP(trigger(u"contract-vllm"_s));
        QTRY_VERIFY(m_window->findChild<QWidget*>(u"message-recipe-rejected"_s));
        QCOMPARE(document().recipe().contract, std::string("transformers"));
        QVERIFY(cache().quantized());
        STEP(trigger(u"kvCache-none"_s));
        STEP(trigger(u"contract-vllm"_s));
        QCOMPARE(document().recipe().contract, std::string("vllm"));
        QVERIFY(!action(u"kvCache-per_token_head"_s)->isEnabled());
        QVERIFY(actionReason(*action(u"kvCache-per_token_head"_s)).contains(u"vLLM"_s));
    }

    void withoutAModelAllOfItIsOff()
    {
        end();
        STEP(begin());
        for (const QString& name : {u"kvCache-none"_s, u"kvCacheBits-8"_s, u"kvCacheQueries"_s}) {
            QVERIFY(!action(name)->isEnabled());
            QVERIFY(!actionReason(*action(name)).isEmpty());
        }
    }
};

QTEST_MAIN(TestStudioCache)
#include "tst_studio_cache.moc"
