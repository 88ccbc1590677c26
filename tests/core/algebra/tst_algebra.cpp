#include "core/algebra/factors.h"
#include "core/algebra/fixed_pieces.h"
#include "core/algebra/product.h"
#include "core/algebra/sums.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>
#include <torch/csrc/autograd/autograd.h>

#include <atomic>
#include <functional>
#include <stdexcept>

using namespace halftone;

namespace {

/// What `compute` gives with 1, 2, 3 and 7 threads.
std::vector<std::vector<at::Tensor>> withThreads(const std::function<std::vector<at::Tensor>()>& compute)
{
    std::vector<std::vector<at::Tensor>> all;
    for (const int threads : {1, 2, 3, 7}) {
        at::set_num_threads(threads);
        all.push_back(compute());
    }
    at::set_num_threads(2);
    return all;
}

void compareAll(const std::vector<std::vector<at::Tensor>>& all)
{
    for (const auto& one : all)
        for (std::size_t i = 0; i < one.size(); ++i)
            QVERIFY(at::equal(one[i], all.front()[i]));
}

} // namespace

class TestAlgebra : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void productsAreTheSameForAnyNumberOfThreads_data();
    void productsAreTheSameForAnyNumberOfThreads();
    void gradientsAreTheSameForAnyNumberOfThreads();
    void aLinearIsLibTorchs();
    void squaresFillTheUpperTriangle();
    void aFactorTimesItselfIsTheMatrix_data();
    void aFactorTimesItselfIsTheMatrix();
    void whatIsNotDefiniteHasNoFactor();
    void sumsAreExact();
    void piecesRunOnceEachAndPassErrorsOn();
};

void TestAlgebra::productsAreTheSameForAnyNumberOfThreads_data()
{
    QTest::addColumn<int>("m");
    QTest::addColumn<int>("k");
    QTest::addColumn<int>("n");
    QTest::addColumn<QString>("precision");
    // Shapes that MKL and oneDNN compute in another order with each number of threads.
    for (const char* precision : {"highest", "medium"})
        for (const auto& [m, k, n] : {std::array{16, 11822, 64}, std::array{279, 38, 54}, std::array{2055, 256, 36}, std::array{8, 2048, 538}, std::array{600, 300, 2100}, std::array{1, 77, 1}})
            QTest::addRow("%d x %d x %d, %s", m, k, n, precision) << m << k << n << QString::fromLatin1(precision);
}

void TestAlgebra::productsAreTheSameForAnyNumberOfThreads()
{
    QFETCH(int, m);
    QFETCH(int, k);
    QFETCH(int, n);
    QFETCH(QString, precision);
    at::globalContext().setFloat32MatmulPrecision(precision.toStdString());
    const at::Tensor a = at::randn({m, k}), b = at::randn({n, k}), many = at::randn({3, m, 20}), others = at::randn({3, 20, n});
    const auto all = withThreads([&] { return std::vector{product(a, b.t()), halftone::linear(a, b), product(many, others)}; });
    compareAll(all);
    const at::Tensor exact = at::matmul(a.to(at::kDouble), b.t().to(at::kDouble));
    const double size = (a.norm() * b.norm()).item<double>();   // of the sum's terms: a sum itself may come to next to nothing
    QVERIFY((all.front()[0] - exact).norm().item<double>() < 1e-6 * size);
    QVERIFY(at::allclose(all.front()[2], at::matmul(many, others), 1e-4, 1e-4));
}

void TestAlgebra::gradientsAreTheSameForAnyNumberOfThreads()
{
    const at::Tensor x = at::randn({2, 700, 96}), w = at::randn({300, 96}), b = at::randn({300}), g = at::randn({2, 700, 300});
    const auto gradients = [&](const std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>& function) {
        const at::AutoGradMode on(true);
        const auto leaf = [](const at::Tensor& value) { return value.detach().clone().set_requires_grad(true); };
        const at::Tensor x1 = leaf(x), w1 = leaf(w), b1 = leaf(b);
        const at::Tensor out = function(x1, w1, b1);
        out.backward(g);
        return std::vector{out.detach(), x1.grad(), w1.grad(), b1.grad()};
    };
    const auto all = withThreads([&] { return gradients([](const at::Tensor& p, const at::Tensor& q, const at::Tensor& r) { return halftone::linear(p, q, r); }); });
    compareAll(all);
    const auto theirs = gradients([](const at::Tensor& p, const at::Tensor& q, const at::Tensor& r) { return at::linear(p, q, r); });
    for (std::size_t i = 0; i < theirs.size(); ++i)
        QVERIFY(at::allclose(all.front()[i], theirs[i], 1e-4, 1e-3));
}

void TestAlgebra::aLinearIsLibTorchs()
{
    const at::Tensor x = at::randn({3, 5, 7, 24}), w = at::randn({11, 24}), b = at::randn({11});
    QVERIFY(at::allclose(halftone::linear(x, w, b), at::linear(x, w, b), 1e-5, 1e-5));
    QVERIFY(at::allclose(halftone::linear(x.select(0, 0).select(0, 0), w), at::linear(x.select(0, 0).select(0, 0), w), 1e-5, 1e-5));
}

void TestAlgebra::squaresFillTheUpperTriangle()
{
    const at::Tensor x = at::randn({500, 600});
    const auto all = withThreads([&] {
        const at::Tensor sum = at::zeros({600, 600});
        addSquare(sum, x.slice(0, 0, 300));
        addSquare(sum, x.slice(0, 300));
        return std::vector{sum.triu()};
    });
    compareAll(all);
    QVERIFY(at::allclose(all.front()[0], at::matmul(x.t(), x).triu(), 1e-4, 1e-3));
}

void TestAlgebra::aFactorTimesItselfIsTheMatrix_data()
{
    QTest::addColumn<int>("n");
    QTest::addColumn<bool>("wide");
    for (const int n : {1, 7, 192, 193, 500, 777})
        for (const bool wide : {false, true})
            QTest::addRow("%d, %s", n, wide ? "float64" : "float32") << n << wide;
}

void TestAlgebra::aFactorTimesItselfIsTheMatrix()
{
    QFETCH(int, n);
    QFETCH(bool, wide);
    const auto type = wide ? at::kDouble : at::kFloat;
    const at::Tensor x = at::randn({2 * n + 20, n}, type);
    const at::Tensor a = at::matmul(x.t(), x) / static_cast<double>(x.size(0)) + 0.05 * at::eye(n, type);
    const auto all = withThreads([&] {
        const at::Tensor lower = lowerCholesky(a);
        return std::vector{lower, lowerInverse(lower)};
    });
    compareAll(all);
    const at::Tensor &lower = all.front()[0], &inverse = all.front()[1];
    const double tolerance = wide ? 1e-10 : 2e-5;
    QVERIFY(at::equal(lower, lower.tril()));
    QVERIFY(((at::matmul(lower, lower.t()) - a).norm() / a.norm()).item<double>() < tolerance);
    QVERIFY(((at::matmul(lower, inverse) - at::eye(n, type)).norm()).item<double>() < 20 * tolerance * std::sqrt(static_cast<double>(n)));
}

void TestAlgebra::whatIsNotDefiniteHasNoFactor()
{
    at::Tensor a = at::eye(400);
    a.select(0, 350).mul_(-1);
    QVERIFY(!lowerCholesky(a).defined());
}

void TestAlgebra::sumsAreExact()
{
    const at::Tensor x = at::randn({1000, 333}), y = at::randn({1000, 333});
    for (const int threads : {1, 2, 3}) {
        at::set_num_threads(threads);
        static double first[3];
        const double sums[] = {sumOf(x), sumOfSquares(x), sumOfProducts(x, y)};
        for (int i = 0; i < 3; ++i) {
            if (threads == 1)
                first[i] = sums[i];
            QCOMPARE(sums[i], first[i]);
        }
    }
    at::set_num_threads(2);
    QVERIFY(std::abs(sumOf(x) - x.to(at::kDouble).sum().item<double>()) < 1e-8);
    QVERIFY(std::abs(sumOfProducts(x, y) - (x.to(at::kDouble) * y.to(at::kDouble)).sum().item<double>()) < 1e-8);
    QCOMPARE(sumOf(at::empty({0, 5})), 0.0);
}

void TestAlgebra::piecesRunOnceEachAndPassErrorsOn()
{
    for (const int threads : {1, 2, 5}) {
        at::set_num_threads(threads);
        std::vector<std::atomic<int>> seen(100);
        eachPiece(100, [&](std::int64_t i) {
            ++seen[static_cast<std::size_t>(i)];
            eachPiece(2, [](std::int64_t) {});   // in order, here
            if (at::GradMode::is_enabled())
                throw std::logic_error("gradients are on");
        });
        for (const auto& count : seen)
            QCOMPARE(count.load(), 1);
        QVERIFY_THROWS_EXCEPTION(std::runtime_error, eachPiece(50, [](std::int64_t i) {
                                     if (i == 31)
                                         throw std::runtime_error("thirty-one");
                                 }));
    }
    at::set_num_threads(2);
}

QTEST_APPLESS_MAIN(TestAlgebra)
#include "tst_algebra.moc"
