#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// What a site's activation comes out of, and so what a scale of it can be folded into (methods-core §2.3).
enum class SiteProducer {
    Norm,         ///< the norm before that half of the block: its gain takes the scale
    Values,       ///< attention: the rows of the value projection take it
    Activation,   ///< an activation function: the rows of the "up" projection take it, where the function lets a scale pass
};

/// The part of a block that adds one term to the residual stream.
enum class BlockHalf { Attention, Mlp };

/// An activation of a block that feeds linears, as a family's block declares it.
struct SiteDeclaration {
    std::string name;         ///< "mlp_mid": in recipes and files; lower case, digits and "_"
    std::string label;        ///< "MLP middle": for people
    std::string shortLabel;   ///< "MLP mid": where there is little room
    SiteProducer producer = SiteProducer::Norm;
    BlockHalf half = BlockHalf::Attention;
};

/// Which site of a block: a value as small as a number, the same in every block and model that declares a site of this name.
/// Ordered as declared; the first four are those of attention and a dense MLP.
class SiteKind {
public:
    static constexpr int kMost = 4096;   ///< kinds in one process: more than any model's blocks declare
    constexpr SiteKind() = default;   ///< attention's input
    static const SiteKind AttentionInput, AttentionOutput, MlpInput, MlpMiddle;

    /// The site of that name, declared now where none was. Callable from any thread.
    /// @throws Error{Internal} where one of that name was declared otherwise, or there are too many.
    static SiteKind declare(const SiteDeclaration& site);
    /// The sites of a block of attention and a dense MLP, in its order.
    static std::vector<SiteKind> dense();
    /// Nothing where no family declares a site of that name.
    static std::optional<SiteKind> find(std::string_view name);
    /// Nothing where no site has that number: numbers of the first four stand in files.
    static std::optional<SiteKind> numbered(int number);

    constexpr int number() const { return m_number; }
    const SiteDeclaration& declaration() const;
    SiteProducer producer() const { return declaration().producer; }
    BlockHalf half() const { return declaration().half; }

    friend constexpr bool operator==(SiteKind a, SiteKind b) { return a.m_number == b.m_number; }
    friend constexpr bool operator<(SiteKind a, SiteKind b) { return a.m_number < b.m_number; }

private:
    constexpr explicit SiteKind(int number) : m_number(number) {}
    int m_number = 0;
};

inline constexpr SiteKind SiteKind::AttentionInput{0};
inline constexpr SiteKind SiteKind::AttentionOutput{1};
inline constexpr SiteKind SiteKind::MlpInput{2};
inline constexpr SiteKind SiteKind::MlpMiddle{3};

/// One value for each of some sites, in their order.
template <class T>
using PerSite = std::map<SiteKind, T>;

std::string_view name(SiteKind kind);    ///< "attn_in", "attn_out", "mlp_in", "mlp_mid", …
std::string_view label(SiteKind kind);   ///< "attention in" … for people

} // namespace halftone
