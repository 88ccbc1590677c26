#include "app/studio/desktop_theme.h"

#ifdef HALFTONE_DBUS
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#include <QFileInfo>
#endif

namespace halftone {

using namespace Qt::StringLiterals;

#ifdef HALFTONE_DBUS

namespace {

const QString kService = u"org.freedesktop.portal.Desktop"_s, kPath = u"/org/freedesktop/portal/desktop"_s, kInterface = u"org.freedesktop.portal.Settings"_s;
const QString kSpace = u"org.freedesktop.appearance"_s, kKey = u"color-scheme"_s;

/// The portal wraps its answer twice.
uint schemeOf(QVariant value)
{
    while (value.canConvert<QDBusVariant>())
        value = value.value<QDBusVariant>().variant();
    return value.toUInt();
}

/// Asking for a bus that is not there may start one.
bool hasBus()
{
    return !qEnvironmentVariableIsEmpty("DBUS_SESSION_BUS_ADDRESS") || QFileInfo::exists(qEnvironmentVariable("XDG_RUNTIME_DIR") + u"/bus"_s);
}

} // namespace

DesktopTheme::DesktopTheme(QObject* parent) : QObject(parent)
{
    if (!hasBus())
        return;
    QDBusConnection bus = QDBusConnection::sessionBus();
    if (!bus.isConnected())
        return;
    bus.connect(kService, kPath, kInterface, u"SettingChanged"_s, this, SLOT(settingChanged(QString, QString, QDBusVariant)));
    QDBusMessage ask = QDBusMessage::createMethodCall(kService, kPath, kInterface, u"Read"_s);
    ask << kSpace << kKey;
    auto* watcher = new QDBusPendingCallWatcher(bus.asyncCall(ask), this);
    connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, watcher] {
        watcher->deleteLater();
        const QDBusPendingReply<QDBusVariant> reply = *watcher;
        if (!reply.isError())
            tell(schemeOf(QVariant::fromValue(reply.value())));
    });
}

void DesktopTheme::settingChanged(const QString& space, const QString& key, const QDBusVariant& value)
{
    if (space == kSpace && key == kKey)
        tell(schemeOf(value.variant()));
}

#else

DesktopTheme::DesktopTheme(QObject* parent) : QObject(parent) {}

#endif

void DesktopTheme::tell(uint scheme)
{
    const std::optional<Theme> told = scheme == 1 ? std::optional(Theme::Dark) : scheme == 2 ? std::optional(Theme::Light) : std::nullopt;
    if (told == m_theme)
        return;
    m_theme = told;
    Q_EMIT changed();
}

} // namespace halftone
