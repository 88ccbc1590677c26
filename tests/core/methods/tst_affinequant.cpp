#include "golden.h"

#include "core/base/error.h"
#include "core/methods/affine_matrix.h"
#include "core/methods/equivalent.h"
#include "core/methods/learned_transform.h"
#include "core/quant/activation_quantizer.h"

#include <QtTest>

#include <cmath>

using namespace halftone;

namespace {

constexpr SiteKind kSites[] = {SiteKind::AttentionInput, SiteKind::AttentionOutput, SiteKind::MlpInput, SiteKind::MlpMiddle};

DecoderBlock blockOf(const QString& model) { return Model::open(golden::data("goldens/" + model.toStdString()))->block(1); }

DecoderBlock inDouble(const DecoderBlock& block)
{
    DecoderBlock result = block;
    for (at::Tensor* x : trainableTensors(result))
        if (x->defined())
            *x = x->to(at::kDouble);
    return result;
}

at::Tensor output(const DecoderBlock& block, at::ScalarType type)
{
    at::manual_seed(77);
    const at::Tensor hidden = at::randn({2, 24, block.config().hidden}, type);
    if (type == at::kFloat)
        return block.forward(hidden);
    const at::AutoGradMode gradients(true);   // the composed path of the kernels takes float64
    return block.forward(hidden.set_requires_grad(true)).detach();
}

double change(const DecoderBlock& before, const DecoderBlock& after, at::ScalarType type)
{
    const at::Tensor a = output(before, type), b = output(after, type);
    return ((a - b).abs().max() / a.abs().max()).item<double>();
}

std::vector<LearnedSite> sitesOf(const DecoderBlock& block, bool activations)
{
    class See final : public SiteObserver {
    public:
        void site(SiteKind kind, const at::Tensor& x) override { kept[kind] = x.reshape({-1, x.size(-1)}).clone(); }
        PerSite<at::Tensor> kept;
    } see;
    at::manual_seed(3);
    block.forward(at::randn({4, 16, block.config().hidden}), &see);
    std::vector<LearnedSite> sites;
    for (const SiteKind kind : kSites) {
        const at::Tensor x = see.kept.at(kind);
        if (!whyNotFoldable(block.config(), kind).empty())
            continue;
        sites.push_back({kind, {x.abs().amax(0), x.amin(0), x.amax(0), x.abs().mean(0), x}, activations});
    }
    return sites;
}

MethodChoice choiceOf(const char* id, std::vector<std::pair<std::string, ParameterValue>> values)
{
    MethodChoice choice = defaultChoice(MethodKind::Transform, id);
    for (const auto& [key, value] : values)
        for (auto& [name, held] : choice.parameters)
            if (name == key)
                held = value;
    return choice;
}

std::unique_ptr<TransformParameters> parametersOf(const DecoderBlock& block, const MethodChoice& choice, bool activations = true)
{
    const auto transform = makeTransform(choice.method);
    return dynamic_cast<const LearnedTransform&>(*transform).learn(block, sitesOf(block, activations), choice);
}

at::Tensor leafNamed(BlockParameters& parameters, const std::string& name)
{
    for (Leaf& leaf : parameters.leaves())
        if (leaf.name == name)
            return leaf.value;
    return {};
}

/// Moves every leaf far from where it starts; matrices stay well conditioned.
void scatter(BlockParameters& parameters)
{
    at::manual_seed(8);
    for (Leaf& leaf : parameters.leaves()) {
        at::Tensor value = leaf.value.detach();
        if (leaf.name.starts_with("shift"))
            value.add_(at::randn(value.sizes()));
        else if (leaf.name.starts_with("matrices"))
            value.mul_(1 + 0.3 * at::rand(value.sizes())).add_(at::randn(value.sizes()) * (0.3 * value.diagonal(0, 1, 2).mean().item<double>() / std::sqrt(double(value.size(1)))));
        else if (leaf.name.starts_with("rotations"))
            value.add_(at::randn(value.sizes()) * 0.4);
        else
            value.mul_(at::randn(value.sizes()).mul(0.5).exp());
    }
}

/// The last pass, in which the mask is full.
void releaseAll(BlockParameters& parameters, int steps) { parameters.begin({steps - 1, 1, 4}); }

/// Random windows, targets by the float block.
class RandomWindows final : public ReconstructionData {
public:
    RandomWindows(const DecoderBlock& block, std::size_t count, std::int64_t tokens)
    {
        at::manual_seed(12);
        for (std::size_t i = 0; i < count; ++i) {
            m_inputs.push_back(at::randn({1, tokens, block.config().hidden}));
            m_targets.push_back(block.forward(m_inputs.back()));
        }
    }
    std::size_t windows() const override { return m_inputs.size(); }
    at::Tensor inputs(std::span<const std::size_t> windows) const override { return gather(m_inputs, windows); }
    at::Tensor targets(std::span<const std::size_t> windows) const override { return gather(m_targets, windows); }

private:
    static at::Tensor gather(const std::vector<at::Tensor>& from, std::span<const std::size_t> windows)
    {
        std::vector<at::Tensor> rows;
        for (const std::size_t window : windows)
            rows.push_back(from[window]);
        return at::cat(rows);
    }
    std::vector<at::Tensor> m_inputs, m_targets;
};

/// A transform with learned clipping after it, as the pipeline trains them.
class WithClipping final : public BlockParameters {
public:
    WithClipping(const DecoderBlock& block, TransformParameters& transform, int bits) : m_transform(transform)
    {
        const auto method = makeRounding("lwc");
        for (const Linear& linear : block.linears())
            m_weights.push_back(dynamic_cast<const LearnedRounding&>(*method).learn(
                {.linear = linear.info.name, .weight = linear.weight, .grid = {.bits = bits, .symmetric = false}}, defaultChoice(MethodKind::Rounding, "lwc")));
    }
    std::vector<Leaf> leaves() override
    {
        std::vector<Leaf> all = m_transform.leaves();
        for (const auto& weight : m_weights)
            for (Leaf& leaf : weight->leaves())
                all.push_back(std::move(leaf));
        return all;
    }
    void apply(DecoderBlock& block) override
    {
        m_transform.apply(block);
        for (std::size_t i = 0; i < m_weights.size(); ++i)
            block.linears()[i].weight = m_weights[i]->weight(block.linears()[i].weight);
    }
    void begin(const TrainingPoint& at) override { m_transform.begin(at); }
    bool sound() const override { return m_transform.sound(); }

private:
    TransformParameters& m_transform;
    std::vector<std::unique_ptr<LearnedWeight>> m_weights;
};

DecoderBlock onGrid(const DecoderBlock& block)
{
    DecoderBlock gridded = block;
    const auto quantizer = std::make_shared<const ActivationQuantizer>(ActivationGrid{.scheme = ActivationScheme::PerToken, .bits = 4, .symmetric = false}, ActivationRanges{});
    for (Linear& linear : gridded.linears())
        linear.input = quantizer;
    return gridded;
}

/// At 4 bits the activations are rounded too.
LossCurve trained(const DecoderBlock& block, TransformParameters& parameters, int steps, const std::function<void(int, double)>& done = {}, int bits = 4)
{
    const RandomWindows data(block, 4, 24);
    const DecoderBlock held = bits == 4 ? onGrid(block) : block;
    WithClipping both(block, parameters, bits);
    BlockReconstruction objective(held, both, data, 1, 9, {});
    return train(objective, {.what = "block 1", .steps = steps}, {}, done);
}

void addArchitectures()
{
    QTest::addColumn<QString>("model");
    for (const char* name : {"llama", "llama-biases", "mistral-window", "qwen2", "qwen3", "opt", "bloom"})
        QTest::newRow(name) << name;
}

} // namespace

class TestAffineQuant : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theMaskGrowsFromTheDiagonalToAll();
    void headMatricesKeepTheBlock_data() { addArchitectures(); }
    void headMatricesKeepTheBlock();
    void aGeneralMatrixIsRefusedUnderRope();
    void everyStateKeepsTheBlock_data() { addArchitectures(); }
    void everyStateKeepsTheBlock();
    void withoutOffDiagonalsItIsOmniQuant_data();
    void withoutOffDiagonalsItIsOmniQuant();
    void maskedEntriesStayAndGetNoGradient_data();
    void maskedEntriesStayAndGetNoGradient();
    void aSingularMatrixRollsBack_data();
    void aSingularMatrixRollsBack();
    void anIllConditionedMatrixIsSaid();
    void noShiftWhereNoBiasTakesIt();
    void matricesLowerTheErrorMoreThanDiagonals();
    void theEvidenceIsWhatWasFolded();
};

void TestAffineQuant::theMaskGrowsFromTheDiagonalToAll()
{
    for (const std::int64_t size : {2, 7, 16, 64})
        for (const int epochs : {2, 3, 5, 20, 100}) {
            QCOMPARE(releasedBands(size, 0, epochs), 1);
            QCOMPARE(releasedBands(size, epochs - 1, epochs), static_cast<int>(size));
            for (int e = 1; e < epochs; ++e)
                QVERIFY(releasedBands(size, e, epochs) >= releasedBands(size, e - 1, epochs));
        }
    QCOMPARE(releasedBands(64, 2, 5), 32);   // int(63 / 4 · 2) + 1
    QCOMPARE(releasedBands(16, 0, 1), 16);
    QCOMPARE(releasedBands(16, 9, 4), 16);   // past the last
    for (const int bands : {1, 2, 5, 7}) {
        const at::Tensor mask = gradualMask(7, bands, 0.25);
        for (int i = 0; i < 7; ++i)
            for (int j = 0; j < 7; ++j)
                QCOMPARE(mask[i][j].item<float>(), i == j ? 1.0F : std::abs(i - j) < bands ? 0.25F : 0.0F);
    }
}

void TestAffineQuant::headMatricesKeepTheBlock()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model), wide = inDouble(block);
    const ModelConfig& config = block.config();
    at::manual_seed(4);
    const at::Tensor a = at::eye(config.headDim, at::kDouble) * 1.5 + at::randn({config.kvHeads, config.headDim, config.headDim}, at::kDouble) * 0.2;
    const at::Tensor shift = takesShift(block, SiteKind::AttentionOutput) ? at::randn({config.kvHeads * config.headDim}, at::kDouble) : at::Tensor();
    DecoderBlock one = wide, narrow = block;
    transformHeads(one, a, at::linalg_inv(a), shift);
    transformHeads(narrow, a.to(at::kFloat), at::linalg_inv(a.to(at::kFloat)), shift.defined() ? shift.to(at::kFloat) : shift);
    QVERIFY(!at::equal(one.linears()[linearsOf(block, SiteKind::AttentionOutput).front()].weight, wide.linears()[linearsOf(block, SiteKind::AttentionOutput).front()].weight));
    QVERIFY2(change(wide, one, at::kDouble) < 1e-10, qPrintable(QString::number(change(wide, one, at::kDouble))));
    QVERIFY2(change(block, narrow, at::kFloat) < 1e-4, qPrintable(QString::number(change(block, narrow, at::kFloat))));

    // What the output projection reads is x A⁻¹, a query head by that of its key-value head.
    const at::Tensor inverses = at::linalg_inv(a).repeat_interleave(config.heads / config.kvHeads, 0);
    const at::AutoGradMode gradients(true);
    at::manual_seed(5);
    const at::Tensor hidden = at::randn({1, 6, config.hidden}, at::kDouble).set_requires_grad(true);
    const at::Tensor before = wide.attentionOutput(wide.attentionInput(hidden)).detach(), after = one.attentionOutput(one.attentionInput(hidden)).detach();
    at::Tensor expected = shift.defined() ? before - spreadToSite(config, SiteKind::AttentionOutput, shift) : before;
    expected = at::matmul(expected.view({6, config.heads, 1, config.headDim}), inverses).view({1, 6, -1});
    QVERIFY(((after - expected).abs().max() / expected.abs().max()).item<double>() < 1e-10);

    if (!whyNotQueryKey(config).empty()) {
        QVERIFY_THROWS_EXCEPTION(Error, transformQueryKeyHeads(one, a, at::linalg_inv(a)));
        return;
    }
    const std::int64_t half = config.headDim / 2;
    const at::Tensor b = config.position == PositionKind::Rope
        ? pairBlocks(at::randn({config.kvHeads, half}, at::kDouble), at::randn({config.kvHeads, half}, at::kDouble)) : a;
    DecoderBlock turned = wide;
    transformQueryKeyHeads(turned, b, at::linalg_inv(b));
    QVERIFY(!at::equal(turned.linears()[0].weight, wide.linears()[0].weight));
    QVERIFY2(change(wide, turned, at::kDouble) < 1e-10, qPrintable(QString::number(change(wide, turned, at::kDouble))));
}

void TestAffineQuant::aGeneralMatrixIsRefusedUnderRope()
{
    const at::NoGradGuard noGrad;
    DecoderBlock block = blockOf("llama");
    const ModelConfig& config = block.config();
    at::manual_seed(4);
    const at::Tensor b = at::eye(config.headDim) + at::randn({config.kvHeads, config.headDim, config.headDim}) * 0.1;
    try {
        transformQueryKeyHeads(block, b, at::linalg_inv(b));
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QVERIFY2(std::string(error.what()).find("rotated pairs") != std::string::npos, error.what());
    }
    QVERIFY_THROWS_EXCEPTION(Error, transformHeads(block, at::eye(3).unsqueeze(0), at::eye(3).unsqueeze(0)));
}

void TestAffineQuant::everyStateKeepsTheBlock()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    for (const char* between : {"matrix", "scale", "none"}) {
        const auto parameters = parametersOf(block, choiceOf("affinequant", {{"stability", 1.0}, {"steps", std::int64_t{12}}, {"query_key", std::string(between)}}));
        releaseAll(*parameters, 12);
        scatter(*parameters);
        DecoderBlock narrow = block, wide = inDouble(block), folded = block;
        const DecoderBlock before = inDouble(block);
        parameters->apply(narrow);
        QVERIFY(parameters->sound());
        parameters->apply(wide);
        foldInDouble(folded, {parameters.get()});
        QVERIFY(!at::equal(narrow.attentionNorm.weight, block.attentionNorm.weight));
        QVERIFY(!at::equal(narrow.linears()[linearsOf(block, SiteKind::AttentionOutput).front()].weight,
                           block.linears()[linearsOf(block, SiteKind::AttentionOutput).front()].weight));
        QVERIFY2(change(before, wide, at::kDouble) < 1e-10, qPrintable(QString("%1: %2").arg(between).arg(change(before, wide, at::kDouble))));
        QVERIFY2(change(block, narrow, at::kFloat) < 1e-4, qPrintable(QString("%1: %2").arg(between).arg(change(block, narrow, at::kFloat))));
        QVERIFY2(change(block, folded, at::kFloat) < 1e-4, qPrintable(QString("%1: %2").arg(between).arg(change(block, folded, at::kFloat))));
        QVERIFY(folded.linears().back().weight.scalar_type() == at::kFloat);
    }
}

void TestAffineQuant::withoutOffDiagonalsItIsOmniQuant_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<bool>("maskedOnly");
    for (const char* model : {"llama", "llama-biases", "qwen3", "opt", "bloom"}) {
        QTest::addRow("%s, stability 0", model) << model << false;
        QTest::addRow("%s, diagonals alone released", model) << model << true;
    }
}

void TestAffineQuant::withoutOffDiagonalsItIsOmniQuant()
{
    QFETCH(QString, model);
    QFETCH(bool, maskedOnly);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    constexpr int kSteps = 24;
    // With passes without end the first one's mask, the diagonal, stays.
    const MethodChoice affine = choiceOf("affinequant", {{"stability", maskedOnly ? 1.0 : 0.0}, {"steps", maskedOnly ? std::int64_t{100000} : std::int64_t{kSteps}}});
    const auto a = parametersOf(block, affine), b = parametersOf(block, choiceOf("omniquant", {}));
    const LossCurve ours = trained(block, *a, kSteps), theirs = trained(block, *b, kSteps);
    QCOMPARE(ours.losses.size(), std::size_t{kSteps});
    QCOMPARE(ours.rollbacks, 0);
    for (std::size_t i = 0; i < ours.losses.size(); ++i)
        QVERIFY2(std::abs(ours.losses[i] - theirs.losses[i]) <= 2e-3 * theirs.losses[i],
                 qPrintable(QString("step %1: %2 against %3").arg(i).arg(ours.losses[i]).arg(theirs.losses[i])));
    const at::Tensor scales = leafNamed(*b, "scale of attention out"), matrices = leafNamed(*a, "matrices of attention out");
    QVERIFY(((matrices.diagonal(0, 1, 2).reshape({-1}) - scales).abs() / scales.abs()).max().item<double>() < 2e-3);
}

void TestAffineQuant::maskedEntriesStayAndGetNoGradient_data()
{
    QTest::addColumn<QString>("model");
    for (const char* model : {"llama", "opt", "bloom"})
        QTest::newRow(model) << model;
}

void TestAffineQuant::maskedEntriesStayAndGetNoGradient()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    constexpr int kSteps = 20;   // five passes over four windows
    const auto parameters = parametersOf(block, choiceOf("affinequant", {{"steps", std::int64_t{kSteps}}}));
    const std::int64_t size = block.config().headDim;
    const at::Tensor distance = (at::arange(size).unsqueeze(1) - at::arange(size).unsqueeze(0)).abs();
    const at::Tensor pairs = leafNamed(*parameters, "rotations of queries and keys");
    QCOMPARE(pairs.defined(), model == "llama");
    trained(block, *parameters, kSteps, [&](int step, double) {
        const int bands = releasedBands(size, step / 4, 5);
        for (const char* name : {"matrices of attention out", "matrices of queries and keys"}) {
            const at::Tensor matrix = leafNamed(*parameters, name);
            if (!matrix.defined())
                continue;
            const at::Tensor hidden = distance >= bands;
            QCOMPARE(matrix.detach().masked_select(hidden).count_nonzero().item<std::int64_t>(), std::int64_t{0});
            QCOMPARE(matrix.grad().masked_select(hidden).count_nonzero().item<std::int64_t>(), std::int64_t{0});
            const at::Tensor released = (distance < bands).logical_and(distance > 0);
            if (bands > 1)
                QVERIFY(matrix.grad().masked_select(released).count_nonzero().item<std::int64_t>() > 0);
        }
        if (pairs.defined()) {
            const bool open = bands > size / 2;
            QCOMPARE(pairs.grad().select(1, 1).count_nonzero().item<std::int64_t>() > 0, open);
            if (!open)
                QCOMPARE(pairs.detach().select(1, 1).count_nonzero().item<std::int64_t>(), std::int64_t{0});
        }
    });
}

void TestAffineQuant::aSingularMatrixRollsBack_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<double>("value");
    for (const char* model : {"llama", "opt"}) {
        QTest::addRow("%s, two equal rows", model) << model << 1.0;
        QTest::addRow("%s, not a number", model) << model << std::nan("");
        QTest::addRow("%s, overflow", model) << model << 1e38;
    }
}

void TestAffineQuant::aSingularMatrixRollsBack()
{
    QFETCH(QString, model);
    QFETCH(double, value);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    constexpr int kSteps = 20;
    const auto parameters = parametersOf(block, choiceOf("affinequant", {{"steps", std::int64_t{kSteps}}, {"stability", 1.0}}));
    const at::Tensor matrix = leafNamed(*parameters, "matrices of attention out");
    const LossCurve curve = trained(block, *parameters, kSteps, [&](int step, double) {
        if (step != 17)   // in the last pass, all is released
            return;
        at::Tensor rows = matrix.detach().select(0, 0).narrow(0, 0, 2);
        rows.fill_(value);
    });
    QCOMPARE(curve.rollbacks, 1);
    QVERIFY(std::isfinite(curve.end) && curve.end <= curve.start);
    QVERIFY(curve.bestStep <= 16 || curve.bestStep == kSteps);   // judged before, or after it had gone on from there
    QVERIFY(!at::equal(matrix[0][0], matrix[0][1]));
    QVERIFY(matrix.isfinite().all().item<bool>());
    const std::vector<std::string> notes = parameters->notes();
    QCOMPARE(notes.size(), std::size_t{1});
    QVERIFY2(notes[0].find("no inverse at step 18") != std::string::npos, notes[0].c_str());
    DecoderBlock after = block;
    foldInDouble(after, {parameters.get()});
    QVERIFY(parameters->sound());
    QVERIFY(change(block, after, at::kFloat) < 1e-4);
}

void TestAffineQuant::anIllConditionedMatrixIsSaid()
{
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf("opt");
    const auto parameters = parametersOf(block, choiceOf("affinequant", {{"steps", std::int64_t{8}}, {"stability", 1.0}}));
    releaseAll(*parameters, 8);
    const at::Tensor matrix = leafNamed(*parameters, "matrices of queries and keys");
    at::Tensor corner = matrix.detach().select(0, 0).narrow(0, 0, 2).narrow(1, 0, 2);
    corner.fill_(1);
    corner[1][1] = 1.0005;   // condition about 8e3
    DecoderBlock after = block;
    parameters->apply(after);
    QVERIFY(parameters->sound());
    QCOMPARE(parameters->notes().size(), std::size_t{1});
    QVERIFY(parameters->notes()[0].find("condition number reached") != std::string::npos);
    // Batched inverses are those of the heads one by one.
    HeadMatrices heads(at::ones({3, 5}), 1.0);
    heads.release(5);
    at::manual_seed(2);
    heads.parameter().detach().add_(at::randn({3, 5, 5}) * 0.2);
    const InvertedMatrix inverted = heads.inverted(at::kDouble);
    for (int h = 0; h < 3; ++h) {
        QVERIFY((at::matmul(inverted.matrix[h], inverted.inverse[h]) - at::eye(5, at::kDouble)).abs().max().item<double>() < 1e-12);
        const double expected = at::linalg_cond(inverted.matrix[h], 1).item<double>();
        QVERIFY(std::abs(inverted.conditions[static_cast<std::size_t>(h)] - expected) < 1e-9 * expected);
    }
}

void TestAffineQuant::noShiftWhereNoBiasTakesIt()
{
    const at::NoGradGuard noGrad;
    const auto shifts = [](const char* model, bool activations) {
        const auto parameters = parametersOf(blockOf(model), defaultChoice(MethodKind::Transform, "affinequant"), activations);
        int count = 0;
        for (const Leaf& leaf : parameters->leaves())
            count += leaf.name.starts_with("shift") ? 1 : 0;
        return count;
    };
    for (const bool activations : {false, true}) {
        QCOMPARE(shifts("llama", activations), 0);          // RMSNorm has no bias
        QCOMPARE(shifts("llama-biases", activations), 1);   // values and output projection have
        QCOMPARE(shifts("opt", activations), 3);            // in weight-only runs too, unlike OmniQuant
        QCOMPARE(shifts("bloom", activations), 3);
    }
}

void TestAffineQuant::matricesLowerTheErrorMoreThanDiagonals()
{
    const at::NoGradGuard noGrad;
    for (const char* model : {"llama", "opt", "bloom"}) {
        const DecoderBlock block = blockOf(model);
        constexpr int kSteps = 160, kBits = 2;
        const auto a = parametersOf(block, choiceOf("affinequant", {{"steps", std::int64_t{kSteps}}}), false);
        const auto b = parametersOf(block, choiceOf("omniquant", {}), false);
        const LossCurve affine = trained(block, *a, kSteps, {}, kBits), diagonal = trained(block, *b, kSteps, {}, kBits);
        QCOMPARE(affine.rollbacks, 0);
        QVERIFY2(affine.end < 0.97 * diagonal.end, qPrintable(QString("%1: %2 against %3").arg(model).arg(affine.end).arg(diagonal.end)));
    }
}

void TestAffineQuant::theEvidenceIsWhatWasFolded()
{
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf("llama");
    const ModelConfig& config = block.config();
    const auto parameters = parametersOf(block, choiceOf("affinequant", {{"steps", std::int64_t{20}}, {"stability", 0.5}}));
    trained(block, *parameters, 20);
    const std::vector<TransformEvidence> all = parameters->evidence();
    const auto find = [&](const std::string& place, const std::string& kind) -> const TransformEvidence& {
        for (const TransformEvidence& one : all)
            if (one.place == place && one.kind == kind)
                return one;
        throw std::runtime_error("no " + kind + " of " + place);
    };
    DecoderBlock folded = block;
    foldInDouble(folded, {parameters.get()});
    const TransformEvidence& norm = find("attention in", "scale");
    QCOMPARE(norm.columns, config.hidden);
    for (std::size_t i = 0; i < norm.values.size(); ++i)
        QVERIFY(std::abs(block.attentionNorm.weight[static_cast<std::int64_t>(i)].item<float>() / norm.values[i] -
                         folded.attentionNorm.weight[static_cast<std::int64_t>(i)].item<float>()) < 1e-5);
    const TransformEvidence& heads = find("attention out", "matrix");
    QCOMPARE(heads.count, std::int64_t{config.kvHeads});
    QCOMPARE(heads.rows, config.headDim);
    QCOMPARE(heads.columns, config.headDim);
    QCOMPARE(heads.conditions.size(), static_cast<std::size_t>(config.kvHeads));
    QCOMPARE(heads.stability, 0.5);
    QCOMPARE(heads.epochs.size(), std::size_t{5});
    QCOMPARE(heads.epochs.front().bands, 1);
    QCOMPARE(heads.epochs.back().bands, static_cast<int>(config.headDim));
    QCOMPARE(heads.epochs.back().step, 16);
    const at::Tensor matrices = at::from_blob(const_cast<float*>(heads.values.data()), {heads.count, heads.rows, heads.columns}, at::kFloat);
    // Columns of the output projection are W Aᵀ, query heads in groups.
    const std::int64_t group = config.heads / config.kvHeads;
    const std::size_t out = linearsOf(block, SiteKind::AttentionOutput).front();
    for (std::int64_t h = 0; h < config.heads; ++h) {
        const at::Tensor before = block.linears()[out].weight.narrow(1, h * config.headDim, config.headDim);
        const at::Tensor after = folded.linears()[out].weight.narrow(1, h * config.headDim, config.headDim);
        QVERIFY((at::matmul(before, matrices[h / group].t()) - after).abs().max().item<double>() < 1e-5 * after.abs().max().item<double>());
    }
    const TransformEvidence& pairs = find("queries and keys", "rotation");
    QCOMPARE(pairs.rows, std::int64_t{2});
    QCOMPARE(pairs.columns, config.headDim / 2);
}

QTEST_APPLESS_MAIN(TestAffineQuant)
#include "tst_affinequant.moc"
