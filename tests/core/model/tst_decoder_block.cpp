#include "golden.h"

#include "core/base/error.h"
#include "core/model/decoder_block.h"

#include <QtTest>

#include <cmath>

using namespace halftone;

namespace {

struct Seen final : SiteObserver {
    std::vector<std::pair<SiteKind, at::Tensor>> sites;
    void site(SiteKind kind, const at::Tensor& x) override { sites.emplace_back(kind, x.clone()); }
};

/// Counts how often it is asked, and adds one so that its effect shows.
struct Counting final : ActivationQuantizer {
    Counting() : ActivationQuantizer({ActivationScheme::PerToken, 8, true, 0.15}, {}) {}
    at::Tensor apply(const at::Tensor& x) const override
    {
        ++calls;
        return x + 1;
    }
    mutable int calls = 0;
};

} // namespace

class DecoderBlockTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void logitsAreThoseOfTransformers_data()
    {
        QTest::addColumn<QString>("name");
        for (const auto& folder : std::filesystem::directory_iterator(golden::data("goldens")))
            if (folder.is_directory())
                QTest::addRow("%s", folder.path().filename().c_str()) << QString::fromStdString(folder.path().filename().string());
    }
    void logitsAreThoseOfTransformers()
    {
        QFETCH(QString, name);
        const std::filesystem::path folder = golden::data("goldens/" + name.toStdString());
        const auto model = Model::open(folder);
        const golden::Golden expected = golden::read(folder);
        const double difference = golden::difference(golden::logits(*model, expected.ids), expected.logits);
        // Float32 sums in another order: 1e-6 of the range. A wrong mask, rotation or bias gives 1e-2 and more.
        QVERIFY2(difference < 2e-5, qPrintable(QString::number(difference)));
    }

    void ggufTwinsGiveTheSameLogits_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"llama", "llama-llama3-rope", "qwen2", "qwen3", "bloom"})
            QTest::addRow("%s", name) << name;
    }
    void ggufTwinsGiveTheSameLogits()
    {
        QFETCH(QString, name);
        const auto twin = Model::open(golden::data("goldens/" + name.toStdString() + ".gguf"));
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        const golden::Golden expected = golden::read(golden::data("goldens/" + name.toStdString()));
        const double difference = golden::difference(golden::logits(*twin, expected.ids), expected.logits);
        QVERIFY2(difference < 2e-5, qPrintable(QString::number(difference)));
        QCOMPARE(twin->linears().size(), model->linears().size());
        for (std::size_t i = 0; i < model->linears().size(); ++i) {
            const std::string& linear = model->linears()[i].name;
            QCOMPARE(twin->linears()[i].name, linear);
            QVERIFY2(at::equal(twin->weight(linear + ".weight"), model->weight(linear + ".weight")), linear.c_str());
        }
    }

    /// A transcription of transformers' LlamaDecoderLayer (5.23), operator by operator.
    void plainArithmeticHasTheBitsOfTransformers()
    {
        const at::NoGradGuard noGrad;
        const auto model = Model::open(golden::data("goldens/llama"));
        const ModelConfig& config = model->config();
        DecoderBlock block = model->block(1);
        block.arithmetic = Arithmetic::Plain;
        const golden::Golden expected = golden::read(golden::data("goldens/llama"));
        const at::Tensor x = model->embed(expected.ids);
        const std::int64_t tokens = x.size(1), dim = config.headDim, half = dim / 2;
        const auto norm = [&](const at::Tensor& in, const at::Tensor& weight) {
            return weight * (in * at::rsqrt(in.pow(2).mean(-1, true) + config.normEpsilon));
        };
        const auto through = [&](const at::Tensor& in, const char* name) { return at::linear(in, block.linear(name).weight); };
        const auto heads = [&](const at::Tensor& in) { return in.view({1, tokens, -1, dim}).transpose(1, 2); };
        const at::Tensor frequencies = at::pow(at::Scalar(config.ropeTheta), at::arange(0, dim, 2, at::kFloat) / static_cast<double>(dim)).reciprocal();
        const at::Tensor angles = at::arange(tokens, at::kFloat).unsqueeze(1) * frequencies;
        const at::Tensor wide = at::cat({angles, angles}, -1);
        const auto rotated = [&](const at::Tensor& in) {
            return in * wide.cos() + at::cat({-in.narrow(-1, half, half), in.narrow(-1, 0, half)}, -1) * wide.sin();
        };
        const at::Tensor in = norm(x, block.attentionNorm.weight);
        const at::Tensor attended = at::scaled_dot_product_attention(rotated(heads(through(in, "q_proj"))), rotated(heads(through(in, "k_proj"))),
                                                                     heads(through(in, "v_proj")), {}, 0.0, true, std::pow(static_cast<double>(dim), -0.5), true);
        const at::Tensor between = x + through(attended.transpose(1, 2).reshape({1, tokens, -1}), "o_proj");
        const at::Tensor mid = norm(between, block.mlpNorm.weight);
        const at::Tensor out = between + through(at::silu(through(mid, "gate_proj")) * through(mid, "up_proj"), "down_proj");
        QVERIFY(at::equal(block.forward(x), out));
        block.arithmetic = Arithmetic::Fused;
        QVERIFY(golden::difference(block.forward(x), out) < 1e-5);
    }

    void positionsAndMasksMatter_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::newRow("llama3 scaling") << "llama-llama3-rope" << "rope_scaling" << "null";
        QTest::newRow("linear scaling") << "llama-linear-rope" << "rope_scaling" << "null";
        QTest::newRow("dynamic scaling") << "llama-dynamic-rope" << "rope_scaling" << "null";
        QTest::newRow("sliding window") << "mistral-window" << "sliding_window" << "null";
        QTest::newRow("layered window") << "qwen2-window" << "layer_types" << R"(["full_attention", "full_attention"])";
        QTest::newRow("residual") << "bloom-residual-after-norm" << "apply_residual_connection_post_layernorm" << "false";
        QTest::newRow("theta") << "llama" << "rope_theta" << "20000.0";
        QTest::newRow("heads") << "bloom" << "n_head" << "4";
    }
    /// Guards the goldens: each special setting is strong enough in them that leaving it out would show.
    void positionsAndMasksMatter()
    {
        QFETCH(QString, name);
        QFETCH(QString, key);
        QFETCH(QString, value);
        const golden::Copy copy("goldens/" + name.toStdString(), [&](Json& config) { config[key.toStdString()] = Json::parse(value.toStdString()); });
        const golden::Golden expected = golden::read(copy.path());
        QVERIFY(golden::difference(golden::logits(*Model::open(copy.path()), expected.ids), expected.logits) > 1e-3);
    }

    void newerRopeParametersMeanTheSame()
    {
        const golden::Copy copy("goldens/llama-llama3-rope", [](Json& config) {
            Json rope = config.at("rope_scaling");
            rope["rope_theta"] = config.at("rope_theta");
            config.erase("rope_scaling");
            config.erase("rope_theta");
            config["rope_parameters"] = rope;
        });
        const golden::Golden expected = golden::read(copy.path());
        QVERIFY(golden::difference(golden::logits(*Model::open(copy.path()), expected.ids), expected.logits) < 2e-5);
    }

    void windowsLongerThanAPieceAreMaskedAlike_data()
    {
        QTest::addColumn<QString>("name");
        QTest::newRow("ALiBi") << "bloom";
        QTest::newRow("window") << "mistral-window";
        QTest::newRow("causal") << "llama-tied";
    }
    /// What comes later never changes what came before, across the pieces that masked attention is cut into.
    void windowsLongerThanAPieceAreMaskedAlike()
    {
        QFETCH(QString, name);
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        std::vector<std::int32_t> ids;
        for (int i = 0; i < 600; ++i)
            ids.push_back((i * 37 + i / 7) % 80);
        const at::Tensor whole = golden::logits(*model, {ids});
        const at::Tensor part = golden::logits(*model, {{ids.begin(), ids.begin() + 300}});
        QVERIFY(golden::difference(whole.narrow(0, 0, 300), part) < 1e-5);
    }

    void batchesAreIndependent()
    {
        const auto model = Model::open(golden::data("goldens/bloom"));
        const std::vector<std::int32_t> a{3, 5, 7, 9, 11};
        const std::vector<std::int32_t> b{4, 4, 4, 60, 2};
        const auto alone = [&](const std::vector<std::int32_t>& ids) { return model->block(0).forward(model->embed({&ids, 1}))[0]; };
        const at::Tensor both = model->block(0).forward(model->embed(std::vector{a, b}));
        QVERIFY(at::allclose(both[0], alone(a), 1e-5, 1e-5));
        QVERIFY(at::allclose(both[1], alone(b), 1e-5, 1e-5));
    }

    void observerSeesEachSiteOnceAndRaw()
    {
        const auto model = Model::open(golden::data("goldens/llama"));
        DecoderBlock block = model->block(1);
        auto quantizer = std::make_shared<Counting>();
        for (Linear& linear : block.linears())
            if (linear.info.site == SiteKind::AttentionInput)
                linear.input = quantizer;
        const at::Tensor hidden = model->embed(std::vector<std::vector<std::int32_t>>{{1, 2, 3, 4}});
        Seen seen;
        block.forward(hidden, &seen);
        QCOMPARE(seen.sites.size(), std::size_t{4});
        for (std::size_t i = 0; i < 4; ++i)
            QVERIFY(seen.sites[i].first == SiteKind::dense()[i]);
        QCOMPARE(quantizer->calls, 1);   // q, k and v share one grid: it is computed once
        QVERIFY(at::equal(seen.sites[0].second, block.attentionInput(hidden)));
        for (const SiteInfo& site : model->sites())
            if (site.block == 1)
                QCOMPARE(std::find_if(seen.sites.begin(), seen.sites.end(), [&](const auto& s) { return s.first == site.kind; })->second.size(-1), site.channels);
    }

    void activationGridsReachTheLinearsOfTheirSite_data()
    {
        QTest::addColumn<int>("site");
        for (const SiteKind kind : SiteKind::dense())
            QTest::addRow("%s", std::string(name(kind)).c_str()) << kind.number();
    }
    void activationGridsReachTheLinearsOfTheirSite()
    {
        QFETCH(int, site);
        const auto model = Model::open(golden::data("goldens/llama"));
        const at::Tensor hidden = model->embed(std::vector<std::vector<std::int32_t>>{{1, 2, 3, 4}});
        const DecoderBlock plain = model->block(0);
        DecoderBlock changed = model->block(0);
        auto quantizer = std::make_shared<Counting>();
        for (Linear& linear : changed.linears())
            if (linear.info.site.number() == site)
                linear.input = quantizer;
        QVERIFY((plain.forward(hidden) - changed.forward(hidden)).abs().max().item<float>() > 1e-3F);
        QCOMPARE(quantizer->calls, 1);
    }

    void stagesAreTheForward_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"llama", "qwen3", "opt", "opt-post-norm", "bloom", "bloom-residual-after-norm", "mistral-window"})
            QTest::addRow("%s", name) << name;
    }
    /// Walked one by one, with nothing between them but what a stage hands on, they give every bit of the forward and its sites, in the model's order;
    /// and each linear reads the site of one stage.
    void stagesAreTheForward()
    {
        QFETCH(QString, name);
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        const DecoderBlock block = model->block(1);
        const at::Tensor hidden = model->embed(std::vector<std::vector<std::int32_t>>{{1, 2, 3, 4, 5}});
        Seen seen;
        const at::Tensor whole = block.forward(hidden, &seen);
        std::vector<SiteKind> listed;
        for (const SiteInfo& site : model->sites())
            if (site.block == 1)
                listed.push_back(site.kind);
        QCOMPARE(listed.size(), block.stages().size());
        BlockState state{hidden, {}};
        std::size_t linears = 0;
        for (std::size_t i = 0; i < listed.size(); ++i) {
            const Stage& stage = block.stages()[i];
            QVERIFY(stage.site == listed[i] && seen.sites[i].first == listed[i]);
            const at::Tensor x = stage.activation(block, state);
            QVERIFY(at::equal(x, seen.sites[i].second));
            if (stage.site.half() == block.stages().front().site.half())
                QVERIFY(at::equal(x, block.activation(stage.site, hidden)));
            linears += static_cast<std::size_t>(std::count_if(block.linears().begin(), block.linears().end(), [&](const Linear& l) { return l.info.site == stage.site; }));
            state = stage.advance(block, {state.hidden.clone(), state.carry.defined() ? state.carry.clone() : at::Tensor()}, x);
        }
        QVERIFY(at::equal(state.hidden, whole) && !state.carry.defined());
        QVERIFY(at::equal(block.half(BlockHalf::Mlp, block.half(BlockHalf::Attention, hidden)), whole));
        QCOMPARE(linears, block.linears().size());
    }

    void aSiteIsOneByItsName()
    {
        const SiteDeclaration router{"router_in_of_a_test", "router in", "router", SiteProducer::Norm, BlockHalf::Mlp};
        QVERIFY(!SiteKind::find(router.name));
        const SiteKind site = SiteKind::declare(router);
        QVERIFY(SiteKind::declare(router) == site && SiteKind::find(router.name) == site && SiteKind::numbered(site.number()) == site);
        QVERIFY(site != SiteKind::MlpInput && SiteKind::find("mlp_in") == SiteKind::MlpInput);
        QCOMPARE(std::string(label(site)), router.label);
        QVERIFY(!SiteKind::numbered(-1) && !SiteKind::numbered(SiteKind::kMost) && !SiteKind::find("none"));
        SiteDeclaration other = router;
        other.producer = SiteProducer::Values;
        QVERIFY_THROWS_EXCEPTION(Error, SiteKind::declare(other));
    }

    void recordedGraphGivesTheSameValuesAndGradients_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"llama", "qwen3", "opt", "opt-post-norm", "bloom-residual-after-norm", "mistral-window"})
            QTest::addRow("%s", name) << name;
    }
    /// Learned methods differentiate through a block: the fused kernels must step aside, and leave inputs alone.
    void recordedGraphGivesTheSameValuesAndGradients()
    {
        QFETCH(QString, name);
        const auto model = Model::open(golden::data("goldens/" + name.toStdString()));
        DecoderBlock block = model->block(0);
        const std::vector<std::vector<std::int32_t>> ids{{5, 9, 1, 33, 70, 12, 8, 8, 41, 3}};
        at::Tensor hidden;
        at::Tensor expected;
        {
            const at::NoGradGuard noGrad;
            hidden = model->embed(ids);
            const at::Tensor before = hidden.clone();
            expected = block.forward(hidden);
            QVERIFY(at::equal(hidden, before));
        }
        const at::Tensor weight = block.linears()[0].weight.set_requires_grad(true);
        const at::Tensor out = block.forward(hidden);
        QVERIFY(at::allclose(out, expected, 1e-4, 1e-5));
        out.square().sum().backward();
        const double gradient = weight.grad()[1][2].item<double>();

        // One element against a central difference of the fused path.
        const at::NoGradGuard noGrad;
        const auto lossAt = [&](double step) {
            block.linears()[0].weight = weight.detach().clone();
            block.linears()[0].weight[1][2] += step;
            return block.forward(hidden).to(at::kDouble).square().sum().item<double>();
        };
        const double slope = (lossAt(5e-3) - lossAt(-5e-3)) / 1e-2;
        QVERIFY2(std::abs(slope - gradient) < 0.03 * std::abs(gradient) + 0.02, qPrintable(QString("%1 %2").arg(slope).arg(gradient)));
    }
};

QTEST_APPLESS_MAIN(DecoderBlockTest)
#include "tst_decoder_block.moc"
