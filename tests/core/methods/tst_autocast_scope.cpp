#include "core/methods/autocast_scope.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <QtTest>

using namespace halftone;

class TestAutocastScope : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void productsAreShortInsideAndFloatAgainAfterwards()
    {
        const at::Tensor a = at::randn({4, 8}), b = at::randn({8, 4});
        {
            const AutocastScope scope(at::kCPU, at::kBFloat16);
            QCOMPARE(at::matmul(a, b).scalar_type(), at::kBFloat16);
            {
                const AutocastScope inner(at::kCPU, at::kHalf);
                QCOMPARE(at::matmul(a, b).scalar_type(), at::kHalf);
            }
            QCOMPARE(at::matmul(a, b).scalar_type(), at::kBFloat16);
        }
        QCOMPARE(at::matmul(a, b).scalar_type(), at::kFloat);
    }

    void theCpuStaysFloat()
    {
        const AutocastScope scope(at::kCPU);
        QCOMPARE(at::matmul(at::randn({4, 8}), at::randn({8, 4})).scalar_type(), at::kFloat);
    }

    void gradientsOfFloatLeavesStayFloat()
    {
        at::Tensor weight = at::randn({8, 8}).set_requires_grad(true);
        const at::AutoGradMode gradients(true);
        at::Tensor loss;
        {
            const AutocastScope scope(at::kCPU, at::kBFloat16);
            loss = at::matmul(at::randn({3, 8}), weight).square().sum();
        }
        loss.backward();
        QCOMPARE(weight.grad().scalar_type(), at::kFloat);
        QVERIFY(at::isfinite(weight.grad()).all().item<bool>());
    }
};

QTEST_GUILESS_MAIN(TestAutocastScope)
#include "tst_autocast_scope.moc"
