#include "core/quant/activation_quantizer.h"
#include "core/quant/recorded_rounding.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

using namespace halftone;

namespace {

/// The formulas operator by operator, rounding passed straight through: LibTorch's own derivative is the reference.
at::Tensor composed(const at::Tensor& x, int bits, bool symmetric)
{
    const auto straight = [](const at::Tensor& value) { return value + (value.round() - value).detach(); };
    if (symmetric) {
        const double top = (1 << (bits - 1)) - 1;
        const at::Tensor scale = x.abs().amax(-1, true).clamp_min(kAbsmaxFloor) / top;
        return straight(x / scale).clamp(-top - 1, top) * scale;
    }
    const double top = (1 << bits) - 1;
    const at::Tensor low = x.amin(-1, true).clamp_max(0), high = x.amax(-1, true).clamp_min(0);
    const at::Tensor scale = (high - low).clamp_min(kAbsmaxFloor) / top;
    const at::Tensor zero = (-low / scale).round().clamp(0, top).detach();
    return ((straight(x / scale) + zero).clamp(0, top) - zero) * scale;
}

at::Tensor activations(std::int64_t columns)
{
    at::manual_seed(6);
    at::Tensor x = at::randn({3, 41, columns});
    x.select(2, columns / 2).mul_(20);
    x.select(1, 4).abs_();        // one-sided tokens
    x.select(1, 5).abs_().neg_();
    return x;
}

} // namespace

class TestRecordedRounding : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void gradientsAreThoseOfTheFormulas_data();
    void gradientsAreThoseOfTheFormulas();
    void aZeroTokenPassesItsGradient();
    void aStepAgainstTheGradientLowersTheError();
};

void TestRecordedRounding::gradientsAreThoseOfTheFormulas_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<bool>("wide");   // float64 takes the operator by operator form
    for (const int bits : {2, 4, 8})
        for (const bool symmetric : {false, true})
            for (const bool wide : {false, true})
                QTest::addRow("%d bits, %s, %s", bits, symmetric ? "symmetric" : "asymmetric", wide ? "float64" : "float32") << bits << symmetric << wide;
}

void TestRecordedRounding::gradientsAreThoseOfTheFormulas()
{
    QFETCH(int, bits);
    QFETCH(bool, symmetric);
    QFETCH(bool, wide);
    const at::AutoGradMode gradients(true);
    for (const std::int64_t columns : {1, 7, 65}) {
        const at::Tensor start = activations(columns).to(wide ? at::kDouble : at::kFloat);
        const ActivationQuantizer quantizer({.scheme = ActivationScheme::PerToken, .bits = bits, .symmetric = symmetric}, {});
        at::Tensor ours = start.clone().set_requires_grad(true), theirs = start.clone().set_requires_grad(true);
        const at::Tensor rounded = wide ? composed(start, bits, symmetric).detach() : quantizer.apply(start);
        const at::Tensor found = recordedRounding(ours, rounded, bits, symmetric), expected = composed(theirs, bits, symmetric);
        QVERIFY(at::equal(found.detach(), rounded));
        const at::Tensor weights = at::randn(start.sizes(), start.options());
        (found * weights).sum().backward();
        (expected * weights).sum().backward();
        const at::Tensor error = (ours.grad() - theirs.grad()).abs(), size = theirs.grad().abs().amax(-1, true) + 1;
        QVERIFY2((error / size).max().item<double>() < 2e-4, qPrintable(QString("%1 columns: %2").arg(columns).arg((error / size).max().item<double>())));
    }
}

void TestRecordedRounding::aZeroTokenPassesItsGradient()
{
    const at::AutoGradMode gradients(true);
    for (const bool symmetric : {false, true}) {
        at::Tensor x = at::zeros({2, 5}).set_requires_grad(true);
        recordedRounding(x, at::zeros({2, 5}), 4, symmetric).sum().backward();
        QVERIFY(at::equal(x.grad(), at::ones({2, 5})));
    }
}

void TestRecordedRounding::aStepAgainstTheGradientLowersTheError()
{
    // One outlier a token: the gradient of the error says that it should shrink, which the identity does not know.
    const at::AutoGradMode gradients(true);
    at::manual_seed(3);
    const at::Tensor start = at::randn({64, 32});
    start.select(1, 9).fill_(30);
    const ActivationQuantizer quantizer({.scheme = ActivationScheme::PerToken, .bits = 4, .symmetric = false}, {});
    at::Tensor scale = at::ones({32}).set_requires_grad(true);
    const auto errorOf = [&](const at::Tensor& by) {
        const at::Tensor x = start * by;
        const at::Tensor rounded = recordedRounding(x, quantizer.apply(x.detach()), 4, false);
        return ((rounded / by - start).narrow(1, 0, 9)).square().mean();
    };
    const at::Tensor before = errorOf(scale);
    before.backward();
    QVERIFY(scale.grad()[9].item<float>() > 0);
    const at::NoGradGuard noGrad;
    const at::Tensor smaller = scale.detach().clone();
    smaller[9].sub_(0.5);
    QVERIFY(errorOf(smaller).item<double>() < before.item<double>());
}

QTEST_APPLESS_MAIN(TestRecordedRounding)
#include "tst_recorded_rounding.moc"
