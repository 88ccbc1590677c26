#include "gui_test.h"
#include "widgets/elided_label.h"
#include "widgets/jobs_view.h"
#include "widgets/message_banner.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"
#include "widgets/summary_bar.h"

#include <QApplication>
#include <QClipboard>
#include <QLabel>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalSpy>
#include <QToolButton>
#include <QtTest>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

class TestNotices : public QObject {
    Q_OBJECT

    static JobRow running()
    {
        JobRow job;
        job.id = u"quantize-3"_s;
        job.title = u"Quantize run 3 · GPTQ W4 g64"_s;
        job.state = JobRow::State::Running;
        job.phase = u"rounding"_s;
        job.done = 18;
        job.total = 30;
        job.unit = u"blocks"_s;
        job.elapsed = 6;
        job.remaining = {{130, 160}};
        job.canPause = true;
        return job;
    }

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void textsOfFilesAreNoMarkup()
    {
        PlainLabels plain;
        QApplication::instance()->installEventFilter(&plain);
        const QString name = u"<b>run</b> <img src=file:///etc/passwd>"_s;
        QLabel guessing(name), meant(name);
        meant.setTextFormat(Qt::RichText);
        QMessageBox box(QMessageBox::Warning, u"Halftone"_s, name);
        guessing.show();
        meant.show();
        box.show();
        QVERIFY(QTest::qWaitForWindowExposed(&guessing));
        QCOMPARE(guessing.textFormat(), Qt::PlainText);
        QCOMPARE(meant.textFormat(), Qt::RichText);
        int labels = 0;
        for (const QLabel* label : box.findChildren<QLabel*>())
            if (label->text() == name) {
                QCOMPARE(label->textFormat(), Qt::PlainText);
                ++labels;
            }
        QCOMPARE(labels, 1);
        QVERIFY(guessing.sizeHint().width() > meant.sizeHint().width());   // every letter is seen
        QCOMPARE(plainTip(u"/models/a & b"_s), u"/models/a & b"_s);
        QCOMPARE(plainText(u"run\u202e-100 \x1b[2J Größe"_s), u"run\\u{202e}-100 \\x1b[2J Größe"_s);
        QVERIFY(plainText(QString(5000, u'n')).size() < 270);
        QCOMPARE(plainTip(name), u"&lt;b&gt;run&lt;/b&gt; &lt;img src=file:///etc/passwd&gt;"_s);
    }

    void durationsReadAsClocks()
    {
        QCOMPARE(formatDuration(8.2), u"8 s"_s);
        QCOMPARE(formatDuration(130), u"2:10"_s);
        QCOMPARE(formatDuration(3725), u"1:02:05"_s);
        QCOMPARE(formatDuration(std::nan("")), u"?"_s);
    }

    void theLineSaysHowFarHowFastAndHowLong()
    {
        QCOMPARE(jobLine(running()), u"60 % · rounding · 18 of 30 blocks · 3 blocks/s · 2:10–2:40 left"_s);
        QCOMPARE(leftText({0, 0}), u"a few seconds left"_s);   // never none while it runs
        QCOMPARE(leftText({0.2, 3}), u"a few seconds left"_s);
        QCOMPARE(leftText({1, 11}), u"up to 10 s left"_s);
        QCOMPARE(leftText({38, 41}), u"about 40 s left"_s);
        QCOMPARE(leftText({31, 44}), u"30 s–45 s left"_s);
        JobRow failed = running();
        failed.state = JobRow::State::Failed;
        failed.error = u"The disk is full."_s;
        failed.nextStep = u"Free 2 GB, then resume."_s;
        QCOMPARE(jobLine(failed), u"The disk is full. · Free 2 GB, then resume."_s);
        JobRow waiting = running();
        waiting.state = JobRow::State::Waiting;
        QVERIFY(jobLine(waiting).startsWith(u"waiting"_s));
    }

    void buttonsFollowTheState()
    {
        JobsView view;
        view.resize(1000, 160);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QVERIFY(view.findChild<QLabel*>(u"jobsIdle"_s)->isVisible());
        QVERIFY(view.minimumSizeHint().height() < 40);
        JobRow job = running();
        view.updateJob(job);
        QCOMPARE(view.count(), 1);
        QVERIFY(!view.findChild<QLabel*>(u"jobsIdle"_s)->isVisible());
        QCOMPARE(view.findChild<QProgressBar*>(u"jobBar"_s)->value(), 600);
        auto* cancel = view.findChild<QToolButton*>(u"jobCancel"_s);
        auto* resume = view.findChild<QToolButton*>(u"jobResume"_s);
        QTRY_VERIFY(cancel->isVisible() && !resume->isVisible());
        QSignalSpy cancels(&view, &JobsView::cancelRequested), resumes(&view, &JobsView::resumeRequested);
        QTest::mouseClick(cancel, Qt::LeftButton);
        QCOMPARE(cancels.last().at(0).toString(), job.id);
        job.state = JobRow::State::Failed;
        job.canResume = true;
        view.updateJob(job);
        QCOMPARE(view.count(), 1);
        QVERIFY(!cancel->isVisible() && resume->isVisible());
        QTest::mouseClick(resume, Qt::LeftButton);
        QCOMPARE(resumes.count(), 1);
        view.setJobs({});
        QCOMPARE(view.count(), 0);
    }

    void theLogOfAJobOpensAndGrows()
    {
        JobsView view;
        view.resize(1000, 200);
        view.updateJob(running());
        view.appendLog(running().id, u"block 3: damping raised to 0.02"_s);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        auto* log = view.findChild<QPlainTextEdit*>(u"jobLog"_s);
        QVERIFY(!log->isVisible());
        QTest::mouseClick(view.findChild<QToolButton*>(u"jobLogButton"_s), Qt::LeftButton);
        QVERIFY(log->isVisible());
        view.appendLog(running().id, u"block 4: done"_s);
        QCOMPARE(log->toPlainText(), u"block 3: damping raised to 0.02\nblock 4: done"_s);
    }

    void measuredAndPredictedFiguresNeverLookAlike()
    {
        SummaryBar bar;
        Summary summary;
        summary.bytes = 84'100'000;
        summary.fileBytes = 269'000'000;
        summary.bitsPerWeight = 4.583;
        summary.figure = Summary::Figure{u"KL"_s, 0.081, 0.006, false, false};
        summary.contract = u"vLLM · transformers"_s;
        bar.setSummary(summary);
        const auto value = [&](const QString& name) { return bar.findChild<ElidedLabel*>(name); };
        QCOMPARE(value(u"summarySizeValue"_s)->text(), u"84.1 MB (−69 %)"_s);
        QCOMPARE(value(u"summaryBitsValue"_s)->text(), u"4.58"_s);
        QCOMPARE(value(u"summaryFigureValue"_s)->text(), u"0.0810 ± 0.0060"_s);
        QVERIFY(value(u"summaryFigureValue"_s)->font().italic());
        summary.figure->measured = true;
        bar.setSummary(summary);
        QVERIFY(!value(u"summaryFigureValue"_s)->font().italic());
        bar.show();
        QVERIFY(QTest::qWaitForWindowExposed(&bar));
        QSignalSpy contract(&bar, &SummaryBar::contractClicked);
        QTest::mouseClick(bar.findChild<QWidget*>(u"summaryContract"_s), Qt::LeftButton);
        QCOMPARE(contract.count(), 1);
        summary.contractIssue = u"vLLM loads no 3-bit weights."_s;
        bar.setSummary(summary);
        QVERIFY(value(u"summaryContractValue"_s)->text().startsWith(u'✕'));
        summary.contractIssue.clear();
        summary.denseOnly = true;   // under a contract and without one
        bar.setSummary(summary);
        QCOMPARE(value(u"summaryContractValue"_s)->text(), u"vLLM · transformers, dense only"_s);
        summary.contract.clear();
        summary.denseReason = u"3 bits are packed in two ways."_s;
        bar.setSummary(summary);
        QCOMPARE(value(u"summaryContractValue"_s)->text(), u"dense only"_s);
        QVERIFY(bar.findChild<QWidget*>(u"summaryContract"_s)->toolTip().contains(u"3 bits are packed"_s));
        QVERIFY(bar.findChild<QWidget*>(u"summarySize"_s)->toolTip().contains(u"against the model's file"_s));
        bar.clear();
        QCOMPARE(value(u"summarySizeValue"_s)->text(), u"–"_s);
    }

    void aMessageIsPlainTextReplacedByIdAndDismissed()
    {
        MessageBanner banner;
        banner.resize(800, 100);
        Message message;
        message.kind = Message::Kind::Error;
        message.id = u"open"_s;
        message.sentence = u"<b>model</b>.safetensors: the header is longer than the file."_s;
        message.nextStep = u"Download the file again."_s;
        message.action = u"Open another…"_s;
        message.details = u"header 912, file 640"_s;
        banner.showMessage(message);
        QCOMPARE(banner.count(), 1);
        QCOMPARE(banner.findChild<QLabel*>(u"sentence"_s)->textFormat(), Qt::PlainText);
        banner.showMessage(message);
        QCOMPARE(banner.count(), 1);
        QVERIFY(banner.contains(u"open"_s));
        banner.show();
        QVERIFY(QTest::qWaitForWindowExposed(&banner));
        QSignalSpy acted(&banner, &MessageBanner::actionRequested), gone(&banner, &MessageBanner::dismissed);
        QTest::mouseClick(banner.findChild<QPushButton*>(u"action"_s), Qt::LeftButton);
        QCOMPARE(acted.last().at(0).toString(), u"open"_s);
        QTest::mouseClick(banner.findChild<QToolButton*>(u"copyDetails"_s), Qt::LeftButton);
        QVERIFY(QApplication::clipboard()->text().contains(u"header 912, file 640"_s));
        QTest::mouseClick(banner.findChild<QToolButton*>(u"dismiss"_s), Qt::LeftButton);
        QCOMPARE(gone.count(), 1);
        QCOMPARE(banner.count(), 0);
        QVERIFY(!banner.isVisible());
    }
};

QTEST_MAIN(TestNotices)
#include "tst_widgets_notices.moc"
