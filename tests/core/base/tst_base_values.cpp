#include "core/base/byte_reader.h"
#include "core/base/checked.h"
#include "core/base/device.h"
#include "core/base/error.h"
#include "core/base/error_text.h"
#include "core/base/half.h"
#include "core/base/log.h"
#include "core/base/sha256.h"

#include <QTest>

#include <array>
#include <cmath>
#include <random>
#include <thread>

using namespace halftone;

class tst_base_values : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyHalfComesBackFromFloat()
    {
        for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
            const auto h = static_cast<std::uint16_t>(bits);
            const float f = floatFromF16(h);
            const int exponent = static_cast<int>(h >> 10 & 31);
            if (exponent == 31) {
                QVERIFY((h & 0x3ff) == 0 ? std::isinf(f) : std::isnan(f));
            } else { // by definition: ±2^(e−15) (1 + m/1024), subnormal ±2^−14 m/1024
                const double mantissa = (h & 0x3ff) / 1024.0;
                const double meant = exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1 + mantissa, exponent - 15);
                QCOMPARE(static_cast<double>(std::fabs(f)), meant);
            }
            QCOMPARE(std::signbit(f), (h & 0x8000) != 0);
            if (!std::isnan(f))
                QCOMPARE(f16FromFloat(f), h);
            else
                QVERIFY(std::isnan(floatFromF16(f16FromFloat(f))));
        }
    }

    void narrowingRoundsToTheNearestEven()
    {
        std::mt19937 random(1);
        for (int i = 0; i < 400'000; ++i) {
            const auto bits = static_cast<std::uint32_t>(random());
            const float f = std::bit_cast<float>(bits);
            if (!std::isfinite(f))
                continue;
            checkNearest(f, f16FromFloat(f), 0x7c00, [](std::uint16_t h) { return static_cast<double>(floatFromF16(h)); }, 65536.0);
            checkNearest(f, bf16FromFloat(f), 0x7f80, [](std::uint16_t h) { return static_cast<double>(floatFromBf16(h)); }, std::ldexp(1.0, 128));
        }
        QCOMPARE(f16FromFloat(1.0f + 0x1p-11f), std::uint16_t(0x3c00)); // a tie goes to even
        QCOMPARE(f16FromFloat(1.0f + 3 * 0x1p-11f), std::uint16_t(0x3c02));
        QCOMPARE(f16FromFloat(65519.0f), std::uint16_t(0x7bff));
        QCOMPARE(f16FromFloat(65520.0f), std::uint16_t(0x7c00));
        QCOMPARE(f16FromFloat(-1e9f), std::uint16_t(0xfc00));
        QVERIFY(std::isnan(floatFromBf16(bf16FromFloat(std::bit_cast<float>(0x7f800001u)))));
        QVERIFY(std::isinf(floatFromBf16(bf16FromFloat(INFINITY))));
    }

    void hashesAreThoseOfTheStandard_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("hash");
        QTest::newRow("empty") << QByteArray() << QByteArray("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        QTest::newRow("abc") << QByteArray("abc") << QByteArray("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        QTest::newRow("two blocks") << QByteArray("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                                    << QByteArray("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        QTest::newRow("a million a") << QByteArray(1'000'000, 'a')
                                     << QByteArray("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    void hashesAreThoseOfTheStandard()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, hash);
        for (const bool portable : {false, true}) {
            Sha256 sha(portable);
            sha.update(text.toStdString());
            QCOMPARE(sha.finish(), hash.toStdString());
        }
        QCOMPARE(sha256(text.toStdString()), hash.toStdString());
    }

    void hashesDoNotDependOnThePieces()
    {
        std::mt19937 random(7);
        std::string text(1000, '\0');
        for (char& c : text)
            c = static_cast<char>(random());
        for (std::size_t length = 0; length <= text.size(); ++length) {
            Sha256 pieces;
            Sha256 portable(true);
            for (std::size_t at = 0; at < length;) {
                const std::size_t take = std::min<std::size_t>(length - at, random() % 130);
                pieces.update(std::string_view(text).substr(at, take));
                at += take;
            }
            portable.update(std::string_view(text).substr(0, length));
            const std::string whole = sha256(std::string_view(text).substr(0, length));
            QCOMPARE(pieces.finish(), whole);
            QCOMPARE(portable.finish(), whole);
        }
    }

    void theReaderStopsAtTheEnd()
    {
        const std::array<std::byte, 7> data{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}, std::byte{5}, std::byte{6}, std::byte{7}};
        ByteReader reader(data, "some.file", 100);
        QCOMPARE(reader.u8(), std::uint8_t(1));
        QCOMPARE(reader.u16(), std::uint16_t(0x0302));
        QCOMPARE(reader.u32(), std::uint32_t(0x07060504));
        QCOMPARE(reader.offset(), std::uint64_t(107));
        QCOMPARE(reader.left(), std::uint64_t(0));
        try {
            reader.u8();
            QFAIL("read past the end");
        } catch (const Error& e) {
            QCOMPARE(e.kind(), ErrorKind::BadFile);
            QVERIFY(QString::fromUtf8(e.what()).contains(QLatin1String("some.file")));
            QVERIFY(QString::fromUtf8(e.what()).contains(QLatin1String("byte 107")));
        }
        ByteReader huge(data, "some.file");
        QVERIFY_EXCEPTION_THROWN(huge.bytes(UINT64_MAX), Error);
        QVERIFY_EXCEPTION_THROWN(huge.skip(8), Error);
        QVERIFY_EXCEPTION_THROWN(huge.u64(), Error);
    }

    void aStringKeepsToItsLimit()
    {
        std::array<std::byte, 11> data{};
        data[0] = std::byte{3};
        data[8] = std::byte{'a'}, data[9] = std::byte{'b'}, data[10] = std::byte{'c'};
        QCOMPARE(ByteReader(data, "f").string(3), std::string_view("abc"));
        QVERIFY_EXCEPTION_THROWN(ByteReader(data, "f").string(2), Error);
        data[0] = std::byte{4};
        QVERIFY_EXCEPTION_THROWN(ByteReader(data, "f").string(1000), Error);
    }

    void sizesThatWrapAreEmpty()
    {
        QCOMPARE(checked::add(UINT64_MAX, 0), std::optional<std::uint64_t>(UINT64_MAX));
        QVERIFY(!checked::add(UINT64_MAX, 1));
        QVERIFY(!checked::mul(std::uint64_t{1} << 32, std::uint64_t{1} << 32));
        QCOMPARE(checked::pad(33, 32), std::optional<std::uint64_t>(64));
        QCOMPARE(checked::pad(64, 32), std::optional<std::uint64_t>(64));
        QVERIFY(!checked::pad(UINT64_MAX - 1, 32));
    }

    void devicesAreReadFromTheirNames()
    {
        for (const char* text : {"cpu", "cuda:0", "cuda:7"})
            QCOMPARE(Device::parse(text).name(), std::string(text));
        QCOMPARE(Device::parse("cuda").name(), std::string("cuda:0"));
        for (const char* text : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", "CPU"})
            QVERIFY_EXCEPTION_THROWN(Device::parse(text), Error);
    }

    void exitCodesAreThoseOfTheContract()
    {
        QCOMPARE(exitCode(ErrorKind::BadFile), 3);
        QCOMPARE(exitCode(ErrorKind::InvalidArgument), 3);
        QCOMPARE(exitCode(ErrorKind::Unsupported), 3);
        QCOMPARE(exitCode(ErrorKind::OutOfMemory), 4);
        QCOMPARE(exitCode(ErrorKind::Io), 4);
        QCOMPARE(exitCode(ErrorKind::Internal), 1);
    }

    void textOfAFileIsMadeFitForMessages()
    {
        QCOMPARE(printable("plain text"), std::string("plain text"));
        QCOMPARE(printable(std::string_view("a\n\0\xff", 4)), std::string("a\\x0a\\x00\\xff"));
        QVERIFY(printable(std::string(5000, 'x')).size() < 200);
    }

    void theLogGoesToItsSink()
    {
        std::vector<std::string> seen;
        const LogSink old = setLogSink([&](LogLevel level, std::string_view text) {
            if (level == LogLevel::Warning)
                seen.emplace_back(text);
        });
        std::thread([] { log(LogLevel::Warning, "one"); }).join();
        log(LogLevel::Debug, "not kept");
        setLogSink(old);
        log(LogLevel::Warning, "dropped");
        QCOMPARE(seen, std::vector<std::string>{"one"});
    }

private:
    template <typename Widen>
    void checkNearest(float f, std::uint16_t got, std::uint16_t infinity, Widen widen, double beyond)
    {
        const auto value = [&](int magnitude) { return magnitude >= infinity ? beyond : widen(static_cast<std::uint16_t>(magnitude)); };
        const int magnitude = got & 0x7fff;
        QVERIFY(magnitude <= infinity);
        QCOMPARE((got & 0x8000) != 0, std::signbit(f));
        const double target = std::fabs(static_cast<double>(f));
        const double error = std::fabs(value(magnitude) - target);
        for (const int other : {magnitude - 1, magnitude + 1}) {
            if (other < 0 || other > infinity)
                continue;
            const double otherError = std::fabs(value(other) - target);
            if (target < beyond)
                QVERIFY(error < otherError || (error == otherError && magnitude % 2 == 0));
        }
    }

    void peopleReadNoRuleCodes()
    {
        QCOMPARE(withoutRules("model.safetensors: is cut off (E-R06)."), std::string("model.safetensors: is cut off."));
        QCOMPARE(withoutRules("a pickle (E-R12). Convert it (E-R4)"), std::string("a pickle. Convert it"));
        for (const char* kept : {"", "nothing to drop", "(E-R06)", "half of it (E-R", "half of it (E-R06", "no digits (E-R)", "other (E-R06x)"})
            QCOMPARE(withoutRules(kept), std::string(kept));
    }
};

QTEST_APPLESS_MAIN(tst_base_values)
#include "tst_base_values.moc"
