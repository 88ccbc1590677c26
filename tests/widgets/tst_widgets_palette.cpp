#include "widgets/palette.h"

#include <QApplication>
#include <QFile>
#include <QImage>
#include <QPainter>
#include <QRegularExpression>
#include <QtTest>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

class TestPalette : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void contrastOfBlackOnWhiteIsTwentyOne()
    {
        QCOMPARE(contrast(Qt::black, Qt::white), 21.0);
        QCOMPARE(contrast(Qt::white, Qt::white), 1.0);
        // W3C's own example of a failing pair: #777777 on white is 4.48.
        QVERIFY(std::abs(contrast(QColor(0x77, 0x77, 0x77), Qt::white) - 4.48) < 0.01);
    }

    void textIsReadableOnEveryGround_data()
    {
        QTest::addColumn<int>("theme");
        QTest::addRow("dark") << int(Theme::Dark);
        QTest::addRow("light") << int(Theme::Light);
    }
    void textIsReadableOnEveryGround()
    {
        QFETCH(int, theme);
        const Colours& c = colours(static_cast<Theme>(theme));
        const auto readable = [](const QColor& text, const QColor& ground) {
            const double ratio = contrast(text, ground);
            if (ratio < 4.5)
                qInfo() << text.name() << "on" << ground.name() << "is" << ratio;
            return ratio >= 4.5;
        };
        for (const QColor& ground : {c.window, c.panel, c.field, c.raised, c.card, c.selection})
            QVERIFY(readable(c.text, ground));
        for (const QColor& ground : {c.window, c.panel, c.field, c.raised, c.card})   // selected rows are written in text colour
            QVERIFY(readable(c.faint, ground));
        QVERIFY(readable(c.onAccent, c.accent));
        for (const QColor& ground : {c.window, c.panel, c.card})
            QVERIFY(readable(c.accentText, ground));
        for (const QColor& colour : {c.good, c.bad, c.warning})
            for (const QColor& ground : {c.window, c.panel})
                QVERIFY(readable(colour, ground));
        QVERIFY(readable(c.text, c.warningGround));
        QVERIFY(readable(c.text, c.errorGround));
        // Marks need 3 : 1.
        QVERIFY(contrast(c.accent, c.window) >= 3);
        QVERIFY(contrast(c.outline, c.window) >= 3);
    }

    void themesSwitchLive()
    {
        applyTheme(*qApp, Theme::Light);
        QCOMPARE(currentTheme(), Theme::Light);
        QCOMPARE(qApp->palette().color(QPalette::Window), colours(Theme::Light).window);
        applyTheme(*qApp, Theme::Dark);
        QCOMPARE(qApp->palette().color(QPalette::Window), colours(Theme::Dark).window);
        QVERIFY(!qApp->styleSheet().contains(u'@'));       // every word of the sheet has its colour
    }

    void everyIconOfTheResourceDraws_data()
    {
        QTest::addColumn<QString>("name");
        QFile list(QStringLiteral(HALFTONE_SOURCE_DIR "/resources/resources.qrc"));
        QVERIFY(list.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(list.readAll());
        auto matches = QRegularExpression(u"icons/([a-z]+)\\.svg"_s).globalMatch(text);
        while (matches.hasNext()) {
            const QString name = matches.next().captured(1);
            QTest::addRow("%s", qPrintable(name)) << name;
        }
    }
    void everyIconOfTheResourceDraws()
    {
        QFETCH(QString, name);
        applyTheme(*qApp, Theme::Dark);
        const QImage dark = icon(name).pixmap(32, 32).toImage();
        int drawn = 0;
        for (int y = 0; y < dark.height(); ++y)
            for (int x = 0; x < dark.width(); ++x)
                drawn += qAlpha(dark.pixel(x, y)) > 128 ? 1 : 0;
        QVERIFY2(drawn > 20, qPrintable(name));
        if (name == u"halftone"_s)
            return;                                       // has colours of its own
        applyTheme(*qApp, Theme::Light);
        QVERIFY(icon(name).pixmap(32, 32).toImage() != dark);
    }

    void anUnknownIconIsNull()
    {
        QVERIFY(icon(u"no-such-icon"_s).isNull());
        QVERIFY(!applicationIcon().isNull());
    }

    void tabularDigitsAreOfOneWidth()
    {
        const QFontMetricsF metrics(tabularFont(QFont()));
        for (char16_t digit = u'1'; digit <= u'9'; ++digit)
            QCOMPARE(metrics.horizontalAdvance(QChar(digit)), metrics.horizontalAdvance(u'0'));
    }
};

QTEST_MAIN(TestPalette)
#include "tst_widgets_palette.moc"
