#include "core/pipeline/activation_stream.h"

#include "core/base/error.h"

#include <ATen/ATen.h>

#include <QTemporaryDir>
#include <QtTest>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace halftone;

namespace {

/// Bytes of the files that this process has open and that no folder names any more.
std::uint64_t unlinkedBytes()
{
    std::uint64_t bytes = 0;
    struct stat at{};
    for (int fd = 0; fd < 256; ++fd)
        if (::fstat(fd, &at) == 0 && S_ISREG(at.st_mode) && at.st_nlink == 0)
            bytes += static_cast<std::uint64_t>(at.st_size);
    return bytes;
}

} // namespace

class TestActivationStream : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whatIsPutIsThere_data()
    {
        QTest::addColumn<bool>("spilled");
        QTest::addRow("in memory") << false;
        QTest::addRow("in a file") << true;
    }
    void whatIsPutIsThere()
    {
        QFETCH(bool, spilled);
        const QTemporaryDir folder;
        ActivationStream stream(3, 1000, spilled ? 1 : 0, folder.path().toStdString());
        QCOMPARE(stream.spilled(), spilled);
        at::manual_seed(1);
        const at::Tensor narrow = at::randn({4, 5, 6}), wide = at::randn({4, 5, 24}), last = at::randn({1, 5, 6});
        stream.put(0, narrow);
        stream.put(2, last);
        QVERIFY(at::equal(stream.get(0), narrow) && at::equal(stream.get(2), last));
        QCOMPARE(stream.shape(0), (std::vector<std::int64_t>{4, 5, 6}));
        QVERIFY(!stream.get(1).defined() && stream.shape(1).empty());
        for (std::int64_t first = 0; first < 4; ++first)
            for (std::int64_t count = 0; count <= 4 - first; ++count)
                QVERIFY(at::equal(stream.rows(0, first, count), narrow.narrow(0, first, count)));
        QVERIFY_THROWS_EXCEPTION(Error, stream.rows(0, 3, 2));
        QVERIFY_THROWS_EXCEPTION(Error, stream.rows(0, -1, 1));
        QVERIFY_THROWS_EXCEPTION(Error, stream.rows(1, 0, 1));

        stream.put(0, at::Tensor());   // freed
        QVERIFY(!stream.get(0).defined() && stream.shape(0).empty());
        stream.put(0, wide);
        QVERIFY(at::equal(stream.get(0), wide) && at::equal(stream.rows(0, 1, 2), wide.narrow(0, 1, 2)) && at::equal(stream.get(2), last));
    }

    /// A slot serves one stage's activation after the other: the file must not grow with them.
    void aFileKeepsItsSlots()
    {
        const QTemporaryDir folder;
        const std::uint64_t before = unlinkedBytes();
        ActivationStream stream(2, 1000, 1, folder.path().toStdString());
        std::uint64_t first = 0;
        for (int round = 0; round < 5; ++round) {
            for (const std::int64_t width : {6, 24})
                for (const std::size_t batch : {std::size_t{0}, std::size_t{1}}) {
                    const at::Tensor x = at::full({4, 5, width}, static_cast<double>(round) + static_cast<double>(batch));
                    stream.put(batch, x);
                    QVERIFY(at::equal(stream.get(batch), x));
                    stream.put(batch, at::Tensor());
                }
            const std::uint64_t now = unlinkedBytes() - before;
            if (round == 0)
                first = now;
            QCOMPARE(now, first);
        }
        QVERIFY(first >= 2 * 4 * 5 * 24 * sizeof(float));
        QVERIFY(QDir(folder.path()).isEmpty());   // gone with the process, however it ends
    }
};

QTEST_GUILESS_MAIN(TestActivationStream)
#include "tst_activation_stream.moc"
