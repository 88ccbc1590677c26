#pragma once

#include "core/model/model_info.h"
#include "core/quant/kv_cache_grid.h"

#include <QMenu>

#include <string>

class QActionGroup;

namespace halftone {

/// How keys and values are rounded, as a menu: range, bits, zero point, position, queries. Shows a recipe's grid and says what a person wants instead.
class KvCacheMenu : public QMenu {
    Q_OBJECT

public:
    explicit KvCacheMenu(QWidget* parent = nullptr);

    /// What `contract` cannot serve of a model is off, with the reason.
    void setGrid(const KvCacheGrid& grid, const std::string& contract, const ModelConfig& config);
    /// All of it off.
    void setClosed(const QString& reason);

Q_SIGNALS:
    void gridRequested(const KvCacheGrid& grid);

private:
    QAction* addChoice(QActionGroup* group, const QString& name, const QString& text, const QString& tip, int value);
    void request(const KvCacheGrid& grid);

    KvCacheGrid m_grid;
    QActionGroup* m_schemes;
    QActionGroup* m_bits;
    QAction* m_symmetric;
    QAction* m_before;
    QAction* m_queries;
};

} // namespace halftone
