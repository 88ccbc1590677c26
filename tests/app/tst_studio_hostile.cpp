#include "window_fixture.h"

#include "app/studio/settings.h"
#include "app/studio/text.h"
#include "core/project/run_edit.h"
#include "widgets/elided_label.h"
#include "widgets/message_banner.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QComboBox>
#include <QDialog>
#include <QGroupBox>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QSet>

#include <sys/stat.h>
#include <unistd.h>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Names that somebody else gave: what turns, hides or colours text in them is written out wherever the window shows them, and none is taken for HTML.
class TestStudioHostile : public WindowFixture {
    Q_OBJECT

private:
    static QString evil(const QString& what) { return what + u"\n\x1b[31m\u202e<img src=x onerror=y><b>zz\u200b"_s; }

    /// Why the text must not stand there; empty where it may. What may be taken for HTML must hold no tag of the names.
    static QString fault(const QString& text, bool guessesHtml, bool isHtml)
    {
        for (const QChar c : text)
            if ((c < u' ' && c != u'\n' && c != u'\t') || c == u'\u202e' || c == u'\u200b' || c == u'\x7f')
                return u"U+%1"_s.arg(int(c.unicode()), 4, 16, QChar(u'0'));
        if (text.contains(u"\n[31m"_s) || text.contains(u"\n\\x1b"_s))
            return u"a line end of a name"_s;
        if ((isHtml || (guessesHtml && Qt::mightBeRichText(text))) && (text.contains(u"<img"_s) || text.contains(u"<b>zz"_s)))
            return u"a name's HTML"_s;
        return text.size() > 6000 ? u"no end"_s : QString();
    }

    /// Every text that a person can see or call up now.
    static QStringList faults()
    {
        QStringList found;
        int looked = 0;
        const auto look = [&](const QObject* object, const char* where, const QString& text, bool guesses = false, bool html = false) {
            ++looked;
            if (const QString why = fault(text, guesses, html); !why.isEmpty())
                found << u"%1 %2, %3: %4 in \"%5\""_s.arg(QString::fromLatin1(object->metaObject()->className()), object->objectName(), QString::fromLatin1(where), why,
                                                         text.left(300).toHtmlEscaped().replace(u'\n', u"|"_s));
        };
        for (const QWidget* widget : QApplication::allWidgets()) {
            if (widget->inherits("QTipLabel"))
                continue;
            look(widget, "title", widget->windowTitle());
            look(widget, "tip", widget->toolTip(), true);
            look(widget, "status tip", widget->statusTip());
            look(widget, "accessible name", widget->accessibleName());
            look(widget, "accessible description", widget->accessibleDescription());
            if (const auto* elided = qobject_cast<const ElidedLabel*>(widget))
                look(elided, "text", elided->text());
            if (const auto* label = qobject_cast<const QLabel*>(widget))
                look(label, "text", label->text(), label->textFormat() == Qt::AutoText, label->textFormat() == Qt::RichText);
            if (const auto* button = qobject_cast<const QAbstractButton*>(widget))
                look(button, "text", button->text());
            if (const auto* box = qobject_cast<const QGroupBox*>(widget))
                look(box, "text", box->title());
            if (const auto* combo = qobject_cast<const QComboBox*>(widget); combo && !combo->isEditable())
                for (int i = 0; i < combo->count(); ++i) {
                    look(combo, "item", combo->itemText(i));
                    look(combo, "item's tip", combo->itemData(i, Qt::ToolTipRole).toString(), true);
                }
            if (const auto* view = qobject_cast<const QAbstractItemView*>(widget); view && view->model() && view->parentWidget() && !view->parentWidget()->inherits("QComboBoxPrivateContainer")) {
                QList<QModelIndex> parents{view->rootIndex()};
                for (qsizetype at = 0; at < parents.size() && at < 400; ++at)
                    for (int row = 0; row < std::min(200, view->model()->rowCount(parents[at])); ++row) {
                        for (int column = 0; column < view->model()->columnCount(parents[at]); ++column) {
                            const QModelIndex cell = view->model()->index(row, column, parents[at]);
                            look(view, "cell", cell.data().toString());
                            look(view, "cell's tip", cell.data(Qt::ToolTipRole).toString(), true);
                        }
                        parents << view->model()->index(row, 0, parents[at]);
                    }
            }
            for (const QAction* action : widget->actions()) {
                look(action, "text", action->text());
                look(action, "tip", action->toolTip(), true);
                look(action, "status tip", action->statusTip());
            }
        }
        found.removeDuplicates();
        if (looked < 500)
            found << u"only %1 texts were looked at"_s.arg(looked);
        return found;
    }

    QString evilModel()
    {
        const QString folder = m_folder->filePath(evil(u"model"_s));
        QDir().mkpath(folder);
        for (const QString& file : QDir(modelFolder()).entryList(QDir::Files))
            QFile::copy(QDir(modelFolder()).filePath(file), folder + u'/' + file);
        return folder;
    }

    void closeDialog(const QString& name)
    {
        auto* dialog = m_window->findChild<QDialog*>(name);
        QTRY_VERIFY(dialog && dialog->isVisible());
        QTest::qWait(100);
        look(name);
        STEP(keepPicture(dialog, u"hostile-"_s + name));
        dialog->close();
        QTRY_VERIFY(!m_window->findChild<QDialog*>(name));
    }

    /// Keeps what is wrong now, with where it was seen first.
    void look(const QString& where)
    {
        QTest::qWait(50);
        for (const QString& fault : faults())
            if (!m_known.contains(fault)) {
                m_known.insert(fault);
                m_found << where + u": "_s + fault;
            }
    }
    QSet<QString> m_known;
    QStringList m_found;

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void theLookSeesWhatItIsMeantToSee()
    {
        QLabel label(evil(u"x"_s));
        QLabel rich(u"<p><img src=x></p>"_s);
        rich.setTextFormat(Qt::RichText);
        QAction action(u"plain"_s);
        action.setToolTip(u"<img src=x>"_s);
        label.addAction(&action);
        const QStringList found = faults();
        QCOMPARE(found.size(), qsizetype(3));
    }

    void namesOfOthersAreShownWrittenOut()
    {
        const QString folder = evilModel();
        STEP(openModel(folder));
        look(u"opened"_s);
        const QString text = m_folder->filePath(evil(u"text"_s));
        QVERIFY(QFile::copy(textFile(), text));
        m_window->tasks().analyze({text, 2, 64, {}});
        look(u"while it analyzes"_s);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().hasAnalysis(), 60000);
        look(u"analyzed"_s);
        for (const Preset& preset : presets())
            if (preset.id == "w4a16-gptq-g64")
                QVERIFY(document().applyPreset(preset));
        QVERIFY(document().setCalibration({8, 64, 0}));
        m_window->tasks().quantize({text, false, false});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        document().labelRun(u"run-001"_s, u"<img src=x onerror=y><b>zz\u202eeman"_s, u"<img src=x>\u202e\u200b"_s);
        QTRY_VERIFY(!m_window->jobs().busy());
        QTRY_VERIFY(!document().runs().front().name.empty());
        look(u"named"_s);
        EvaluateRequest request;
        request.text = text;
        request.windows = 1;
        request.length = 32;
        m_window->tasks().evaluate(request);
        request.target = EvaluationRecord::Target::Run;
        request.run = u"run-001"_s;
        m_window->tasks().evaluate(request);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().evaluations().size() == 2, 60000);
        for (const Workspaces::Kind kind : {Workspaces::Inspect, Workspaces::Tune, Workspaces::Run, Workspaces::Compare}) {
            m_window->setWorkspace(kind);
            look(u"a workspace"_s);
            STEP(keepPicture(m_window.get(), u"hostile-%1"_s.arg(int(kind))));
        }
        STEP(trigger(u"quantize"_s));
        STEP(closeDialog(u"quantizeDialog"_s));
        STEP(trigger(u"evaluate"_s));
        STEP(closeDialog(u"evaluateDialog"_s));
        STEP(trigger(u"export"_s));
        STEP(closeDialog(u"exportDialog"_s));
        m_window->tasks().exportRun({u"run-001"_s, u"dense"_s, m_folder->filePath(evil(u"out"_s)), u"auto"_s, false});
        QTRY_VERIFY_WITH_TIMEOUT(m_window->messages().contains(u"exported"_s), 60000);
        look(u"exported"_s);
        m_window->setWorkspace(Workspaces::Run);
        QVERIFY(action(u"runDelete"_s));
        action(u"runDelete"_s)->trigger();
        if (auto* sure = m_window->findChild<QMessageBox*>(u"deleteRunBox"_s)) {
            look(u"asked"_s);
            sure->close();
        }
        // Again from the list of those that were open, and what does not open.
        end();
        start();
        look(u"welcome"_s);
        STEP(keepPicture(m_window.get(), u"hostile-welcome"_s));
        const QString broken = m_folder->filePath(evil(u"broken"_s));
        write(broken + u"/config.json"_s, QByteArray("{\"model_type\": \"") + evil(u"\\u202etype"_s).replace(u'\n', u"\\n"_s).replace(u'\x1b', u"\\u001b"_s).toUtf8() + QByteArray(5000, 'y')
                  + "\", \"architectures\": [\"<img src=x>\\u202e\"]}");
        m_window->openPath(broken);
        QTRY_VERIFY(m_window->messages().count() > 0);
        look(u"not opened"_s);
        STEP(keepPicture(m_window.get(), u"hostile-broken"_s));
        for (const QString& fault : m_found)
            qInfo("%s", qPrintable(fault));
        QCOMPARE(m_found.size(), qsizetype(0));
    }

    /// Qt's names are text: bytes that are none come back as U+FFFD, and no file has that name.
    void aNameThatIsNoTextIsRefusedWithASentence()
    {
        const QByteArray folder = m_folder->filePath(u"models"_s).toUtf8() + "/mod\xff" "el";
        QVERIFY(QDir().mkpath(m_folder->filePath(u"models"_s)));
        QCOMPARE(::mkdir(folder.constData(), 0700), 0);
        const QStringList before = Settings().recent();
        const auto refused = [&](const QString& path) {
            m_window->messages().clear();
            m_window->openPath(path);
            QTRY_COMPARE(m_window->messages().count(), 1);
            const QString said = m_window->messages().findChild<QLabel*>(u"sentence"_s)->text();
            QVERIFY2(said.contains(u"no UTF-8 text"_s) && said.contains(u"halftone-cli"_s), qPrintable(said));
            QVERIFY(!document().isOpen());
        };
        STEP(refused(QFile::decodeName(folder)));                       // as an argument of the program comes
        STEP(refused(QFile::decodeName(folder) + u"/model.gguf"_s));
        // As the dialog gives it.
        const QStringList listed = QDir(m_folder->filePath(u"models"_s)).entryList(QDir::Dirs | QDir::NoDotAndDotDot | QDir::System | QDir::Hidden);
        for (const QString& name : listed)
            STEP(refused(m_folder->filePath(u"models/"_s + name)));
        QCOMPARE(Settings().recent(), before);
        QCOMPARE(::rmdir(folder.constData()), 0);   // Qt cannot
        // A name that really holds that character is a name like another.
        const QString real = m_folder->filePath(u"models/real"_s + QChar(QChar::ReplacementCharacter));
        QVERIFY(QDir().mkpath(real));
        for (const QString& file : QDir(modelFolder()).entryList(QDir::Files))
            QVERIFY(QFile::copy(QDir(modelFolder()).filePath(file), real + u'/' + file));
        STEP(openModel(real));
    }
};

QTEST_MAIN(TestStudioHostile)
#include "tst_studio_hostile.moc"
