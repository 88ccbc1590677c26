#pragma once

#include "core/recipe/recipe.h"

#include <QMenu>

#include <optional>
#include <utility>
#include <vector>

namespace halftone {

class Document;

/// Presets by kind, each with the size that it would give the open model; what the model or the contract cannot take is off, with the reason.
class PresetMenu : public QMenu {
    Q_OBJECT
public:
    explicit PresetMenu(QWidget* parent = nullptr);
    /// Brings sizes and refusals up to date: before the menu, or the palette, is shown.
    void refresh(const Document& document);

Q_SIGNALS:
    void presetRequested(const halftone::Preset& preset);

private:
    struct Seen {   ///< what the texts were made for
        bool open = false;
        QString model;
        std::string contract;
        KvCacheGrid kvCache;
        std::size_t sites = 0;
        std::string text;
        Seen withoutAnalysis() const { return {open, model, contract, kvCache, 0, {}}; }
        bool operator==(const Seen&) const = default;
    };
    std::optional<Seen> m_seen;
    std::vector<std::pair<Preset, QAction*>> m_presets;
};

} // namespace halftone
