#include "golden.h"

#include "core/base/error.h"
#include "core/model/attention.h"
#include "core/model/block_kernels.h"
#include "core/model/decoder_block.h"

#include <QtTest>

#include <cmath>
#include <limits>

using namespace halftone;
using Scheme = KvCacheGrid::Scheme;
using Position = KvCacheGrid::Position;

namespace {

KvCacheGrid grid(Scheme scheme, int bits, Position position = Position::PostRope, bool queries = false, bool symmetric = false)
{
    return {scheme, bits, symmetric, position, queries, {}};
}

std::shared_ptr<const KvCacheQuantizer> quantizer(const KvCacheGrid& grid) { return std::make_shared<const KvCacheQuantizer>(grid); }

std::vector<std::int32_t> someIds(int count)
{
    std::vector<std::int32_t> ids;
    for (int i = 0; i < count; ++i)
        ids.push_back((i * 37 + i / 7) % 80);
    return ids;
}

at::Tensor logits(const Model& model, const std::vector<std::int32_t>& ids, const std::shared_ptr<const KvCacheQuantizer>& cache)
{
    const at::NoGradGuard noGrad;
    at::Tensor hidden = model.embed({&ids, 1});
    for (int b = 0; b < model.config().blocks; ++b) {
        DecoderBlock block = model.block(b);
        block.kvCache = cache;
        hidden = block.forward(hidden);
    }
    return model.logits(hidden[0]);
}

/// The rounding of methods-core §15 as loops: x [batch, tokens, heads, headDim].
at::Tensor naive(const at::Tensor& x, const KvCacheGrid& grid)
{
    at::Tensor out = x.contiguous().clone();
    const std::int64_t heads = x.size(2), dim = x.size(3);
    float* data = out.mutable_data_ptr<float>();
    const auto round = [&](float* first, std::int64_t count) {
        float low = 0, high = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            low = first[i] < low ? first[i] : low;
            high = first[i] > high ? first[i] : high;
        }
        const int steps = (1 << grid.bits) - 1, most = (1 << (grid.bits - 1)) - 1;
        if (grid.symmetric) {
            const float scale = std::max(std::max(-low, high), kAbsmaxFloor) / static_cast<float>(most);
            for (std::int64_t i = 0; i < count; ++i)
                first[i] = std::clamp(std::nearbyint(first[i] / scale), static_cast<float>(-most - 1), static_cast<float>(most)) * scale;
            return;
        }
        const float scale = std::max(high - low, kAbsmaxFloor) / static_cast<float>(steps);
        const float zero = std::clamp(std::nearbyint(-low / scale), 0.0F, static_cast<float>(steps));
        for (std::int64_t i = 0; i < count; ++i)
            first[i] = (std::clamp(std::nearbyint(first[i] / scale) + zero, 0.0F, static_cast<float>(steps)) - zero) * scale;
    };
    for (std::int64_t t = 0; t < x.size(0) * x.size(1); ++t)
        if (grid.scheme == Scheme::PerToken)
            round(data + t * heads * dim, heads * dim);
        else
            for (std::int64_t h = 0; h < heads; ++h)
                round(data + (t * heads + h) * dim, dim);
    return out;
}

} // namespace

class KvCacheTest : public QObject {
    Q_OBJECT
private:
    static void addModels()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"llama", "llama-biases", "qwen3", "opt", "bloom", "mistral-window"})   // llama, qwen3: grouped queries
            QTest::addRow("%s", name) << name;
    }
    static std::vector<KvCacheGrid> grids(std::initializer_list<int> widths)
    {
        std::vector<KvCacheGrid> all;
        for (const Scheme scheme : {Scheme::PerToken, Scheme::PerTokenHead})
            for (const Position position : {Position::PreRope, Position::PostRope})
                for (const bool queries : {false, true})
                    for (const bool symmetric : {false, true})
                        for (const int bits : widths)
                            all.push_back(grid(scheme, bits, position, queries, symmetric));
        return all;
    }

private Q_SLOTS:
    void noneAndSixteenBitsLeaveEveryBit_data() { addModels(); }
    void noneAndSixteenBitsLeaveEveryBit()
    {
        QFETCH(QString, name);
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        const std::vector<std::int32_t> ids = someIds(40);
        const at::Tensor expected = logits(*model, ids, nullptr);
        QVERIFY(at::equal(logits(*model, ids, quantizer({})), expected));
        QVERIFY(at::equal(logits(*model, ids, quantizer(grid(Scheme::PerToken, 16))), expected));
        QVERIFY(!at::equal(logits(*model, ids, quantizer(grid(Scheme::PerToken, 8))), expected));
    }

    void moreBitsComeCloserToFloat_data() { addModels(); }
    void moreBitsComeCloserToFloat()
    {
        QFETCH(QString, name);
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        const std::vector<std::int32_t> ids = someIds(40);
        const at::Tensor expected = logits(*model, ids, nullptr);
        for (const Scheme scheme : {Scheme::PerToken, Scheme::PerTokenHead}) {
            double before = 1e9;
            for (const int bits : {2, 4, 8}) {
                const double error = (logits(*model, ids, quantizer(grid(scheme, bits))) - expected).abs().mean().item<double>();
                QVERIFY2(error > 0 && error < before / 2, qPrintable(QStringLiteral("%1 bits: %2 after %3").arg(bits).arg(error).arg(before)));
                before = error;
            }
        }
    }

    void aPrefixHasTheLogitsOfTheWholeText_data() { addModels(); }
    /// Every range is a token's own: what was generated does not change with what follows.
    void aPrefixHasTheLogitsOfTheWholeText()
    {
        QFETCH(QString, name);
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        const std::vector<std::int32_t> ids = someIds(44);
        for (const KvCacheGrid& one : grids({4})) {
            const at::Tensor whole = logits(*model, ids, quantizer(one));
            for (const int length : {1, 21}) {
                const at::Tensor part = logits(*model, {ids.begin(), ids.begin() + length}, quantizer(one));
                const double difference = golden::difference(whole.narrow(0, 0, length), part);
                QVERIFY2(difference < 1e-5, qPrintable(QStringLiteral("%1, %2 bits, %3 of 44 tokens: %4").arg(QString::fromUtf8(halftone::name(one.scheme).data()))
                                                           .arg(one.bits).arg(length).arg(difference)));
            }
        }
    }

    void attentionSeesWhatALoopRounds_data() { addModels(); }
    /// Queries, keys and values composed here, with the rounding as loops over tokens and heads, against the block; all bits.
    void attentionSeesWhatALoopRounds()
    {
        QFETCH(QString, name);
        const at::NoGradGuard noGrad;
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        const ModelConfig& config = model->config();
        const std::vector<std::vector<std::int32_t>> ids{someIds(33), someIds(33)};
        DecoderBlock block = model->block(1);
        const at::Tensor in = block.attentionInput(model->embed(ids));
        const std::int64_t tokens = in.size(1);
        const auto through = [&](std::size_t i) { return at::linear(in, block.linears()[i].weight, block.linears()[i].bias); };
        for (const KvCacheGrid& one : grids({2, 4, 8})) {
            at::Tensor q, k, v;
            if (config.fusedQkv) {
                const at::Tensor all = through(0).view({2, tokens, config.heads, 3, config.headDim});
                q = all.select(3, 0).contiguous();
                k = all.select(3, 1).contiguous();
                v = all.select(3, 2).contiguous();
            } else {
                q = through(0).view({2, tokens, config.heads, config.headDim});
                k = through(1).view({2, tokens, config.kvHeads, config.headDim});
                v = through(2).view({2, tokens, config.kvHeads, config.headDim});
            }
            if (config.queryKeyNorm) {
                q = kernels::normalize(q, block.queryNorm, NormKind::Rms, config.normEpsilon);
                k = kernels::normalize(k, block.keyNorm, NormKind::Rms, config.normEpsilon);
            }
            const bool before = one.position == Position::PreRope;
            const auto key = [&](const at::Tensor& x, bool here) { return here ? naive(x, one) : x; };
            k = key(k, before);
            q = key(q, before && one.queries);
            if (config.position == PositionKind::Rope) {
                const auto rope = ropeTable(config, tokens, at::kCPU);
                q = kernels::rotate(q, rope->cosines, rope->sines);
                k = kernels::rotate(k, rope->cosines, rope->sines);
            }
            k = key(k, !before);
            q = key(q, !before && one.queries);
            v = naive(v, one);
            block.kvCache = quantizer(one);
            const at::Tensor expected = causalAttention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), config, config.windowOf(1));
            QVERIFY2(at::allclose(block.attentionOutput(in), expected, 1e-6, 1e-7), qPrintable(QStringLiteral("%1 bits").arg(one.bits)));
        }
    }

    void theFusedKernelHasTheBitsOfTheOperators_data()
    {
        QTest::addColumn<int>("heads");
        QTest::addColumn<int>("dim");
        for (const int heads : {1, 3, 9})
            for (const int dim : {1, 7, 16, 65})
                QTest::addRow("%d heads of %d", heads, dim) << heads << dim;
    }
    void theFusedKernelHasTheBitsOfTheOperators()
    {
        QFETCH(int, heads);
        QFETCH(int, dim);
        at::manual_seed(7);
        at::Tensor x = at::randn({2, 5, heads, dim}) * at::randn({1, 1, heads, 1}).exp();
        x[0][1].zero_();
        x[1][2] = x[1][2].abs();   // one sign: the range still holds 0
        for (const Scheme scheme : {Scheme::PerToken, Scheme::PerTokenHead})
            for (const bool symmetric : {false, true})
                for (const int bits : {2, 3, 4, 8}) {
                    const KvCacheGrid one = grid(scheme, bits, Position::PostRope, false, symmetric);
                    const at::Tensor plain = KvCacheQuantizer(one).applyPlain(x);
                    QVERIFY(at::equal(plain, naive(x, one)));
                    const at::Tensor fused = KvCacheQuantizer(one).apply(x.clone());
                    QVERIFY(at::equal(fused, plain));
                    // A view of a fused projection: rounded where it lies, its neighbours untouched.
                    const at::Tensor all = at::stack({x, x * 3, x * 5}, 3);
                    const at::Tensor keys = KvCacheQuantizer(one).apply(all.select(3, 1));
                    QVERIFY(keys.is_alias_of(all));
                    QVERIFY(at::equal(keys, KvCacheQuantizer(one).applyPlain(x * 3)));
                    QVERIFY(at::equal(all.select(3, 0), x) && at::equal(all.select(3, 2), x * 5));
                    // Error of at most half a step.
                    const at::Tensor range = scheme == Scheme::PerToken ? x.flatten(2).amax(-1).clamp_min(0) - x.flatten(2).amin(-1).clamp_max(0)
                                                                        : x.amax(-1).clamp_min(0) - x.amin(-1).clamp_max(0);
                    const at::Tensor most = (symmetric ? range * 2 : range).max() / ((1 << bits) - (symmetric ? 2 : 1)) * 0.5001;
                    QVERIFY((fused - x).abs().max().item<float>() <= most.item<float>() + 1e-6F);
                }
    }

    void aStrayValueIsNotHidden()
    {
        at::Tensor x = at::ones({1, 2, 2, 8});
        x[0][0][1][3] = std::numeric_limits<float>::quiet_NaN();
        for (const bool symmetric : {false, true}) {
            const at::Tensor rounded = KvCacheQuantizer(grid(Scheme::PerToken, 8, Position::PostRope, false, symmetric)).apply(x.clone());
            QVERIFY(std::isnan(rounded[0][0][1][3].item<float>()));
            QCOMPARE(at::isnan(rounded).sum().item<std::int64_t>(), std::int64_t{1});
        }
        QVERIFY_THROWS_EXCEPTION(Error, KvCacheQuantizer(grid(Scheme::PerToken, 8)).apply(at::ones({2, 3})));
        QVERIFY_THROWS_EXCEPTION(Error, KvCacheQuantizer(grid(Scheme::PerToken, 9)));
        QVERIFY_THROWS_EXCEPTION(Error, KvCacheQuantizer(grid(Scheme::PerToken, 1)));
    }

    void aRecordedGraphSeesTheIdentity_data() { addModels(); }
    void aRecordedGraphSeesTheIdentity()
    {
        QFETCH(QString, name);
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        const std::vector<std::int32_t> ids = someIds(20);
        DecoderBlock block = model->block(0);
        const at::Tensor x = model->embed({&ids, 1});
        const auto gradient = [&] {
            at::Tensor leaf = x.clone().requires_grad_(true);
            const at::Tensor out = block.forward(leaf);
            out.sum().backward();
            return std::pair(leaf.grad().clone(), out.detach());
        };
        const auto [smooth, floatOut] = gradient();
        block.kvCache = quantizer(grid(Scheme::PerTokenHead, 8, Position::PostRope, true));
        const auto [through, out] = gradient();
        const at::NoGradGuard noGrad;
        QVERIFY(at::allclose(out, block.forward(x), 1e-4, 1e-5));
        QVERIFY(!at::equal(out, floatOut));
        // Not the float gradient, since attention is taken at the rounded values, but no zero of a rounding's own gradient either.
        QVERIFY(at::allclose(through, smooth, 0.1, 0.05 * smooth.abs().max().item<double>()));
    }

    void servedStepsAreThoseOfCompressedTensors()
    {
        at::manual_seed(3);
        const at::Tensor x = at::randn({1, 6, 2, 16});
        const KvCacheGrid one = grid(Scheme::PerTokenHead, 8, Position::PostRope, false, true);
        const at::Tensor served = KvCacheQuantizer(one, KvCacheQuantizer::Steps::Served).apply(x);
        const at::Tensor scale = x.abs().amax(-1, true) / 127.5;   // calculate_qparams of 0.20: absmax over half of the 255 steps
        QVERIFY(at::equal(served, at::div(x, scale).clamp(-128, 127).round().mul(scale)));
        QVERIFY(!at::equal(served, KvCacheQuantizer(one).apply(x.clone())));
    }

    void blocksLeftFloatAreLeftOut()
    {
        KvCacheGrid one = grid(Scheme::PerToken, 8);
        one.floatBlocks = {1, 3};
        QVERIFY(kvCacheOfBlock(one, 0) && kvCacheOfBlock(one, 2));
        QVERIFY(!kvCacheOfBlock(one, 1) && !kvCacheOfBlock(one, 3));
        QVERIFY(!kvCacheOfBlock({}, 0));
    }
};

QTEST_GUILESS_MAIN(KvCacheTest)
#include "tst_kv_cache.moc"
