#pragma once

#include "widgets/palette.h"

#include <QObject>

#include <optional>

#ifdef HALFTONE_DBUS
class QDBusVariant;
#endif

namespace halftone {

/// Light or dark, as the desktop's settings portal says it (org.freedesktop.appearance, color-scheme), now and whenever it changes. Without a session
/// bus, a portal, or a preference nothing is known.
class DesktopTheme : public QObject {
    Q_OBJECT
public:
    explicit DesktopTheme(QObject* parent = nullptr);
    std::optional<Theme> theme() const { return m_theme; }

Q_SIGNALS:
    void changed();

#ifdef HALFTONE_DBUS
private Q_SLOTS:
    void settingChanged(const QString& space, const QString& key, const QDBusVariant& value);
#endif

private:
    void tell(uint scheme);
    std::optional<Theme> m_theme;
};

} // namespace halftone
