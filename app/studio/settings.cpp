#include "app/studio/settings.h"

#include <QDir>
#include <QFileInfo>
#include <QGuiApplication>
#include <QPalette>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {
constexpr int kRecents = 10;
}

Settings::Settings()
    : m_settings(QSettings::IniFormat, QSettings::UserScope, u"Halftone"_s, u"halftone"_s)
{
}

QStringList Settings::recent() const
{
    return m_settings.value(u"recent"_s).toStringList();
}

void Settings::addRecent(const QString& path)
{
    QStringList list = recent();
    const QString absolute = QDir::cleanPath(QFileInfo(path).absoluteFilePath());
    list.removeAll(absolute);
    list.prepend(absolute);
    m_settings.setValue(u"recent"_s, QStringList(list.mid(0, kRecents)));
    m_settings.sync();   // a crash later does not forget what was open
}

void Settings::removeRecent(const QString& path)
{
    QStringList list = recent();
    list.removeAll(QDir::cleanPath(QFileInfo(path).absoluteFilePath()));
    m_settings.setValue(u"recent"_s, list);
    setPinned(path, false);
}

void Settings::setOpened(const QString& path, int blocks)
{
    QVariantMap all = m_settings.value(u"opened"_s).toMap();
    all.insert(QDir::cleanPath(QFileInfo(path).absoluteFilePath()), QVariantList{blocks, QDateTime::currentDateTime().toString(Qt::ISODate)});
    const QStringList kept = listed();
    for (const QString& known : all.keys())
        if (!kept.contains(known))
            all.remove(known);
    m_settings.setValue(u"opened"_s, all);
}

std::pair<int, QDateTime> Settings::opened(const QString& path) const
{
    const QVariantList known = m_settings.value(u"opened"_s).toMap().value(path).toList();
    return {known.value(0).toInt(), QDateTime::fromString(known.value(1).toString(), Qt::ISODate)};
}

QStringList Settings::pinned() const
{
    return m_settings.value(u"pinned"_s).toStringList();
}

void Settings::setPinned(const QString& path, bool pinned)
{
    QStringList list = this->pinned();
    const QString absolute = QDir::cleanPath(QFileInfo(path).absoluteFilePath());
    list.removeAll(absolute);
    if (pinned)
        list.append(absolute);
    m_settings.setValue(u"pinned"_s, list);
    m_settings.sync();
}

QStringList Settings::listed() const
{
    QStringList list = pinned();
    for (const QString& path : recent())
        if (!list.contains(path))
            list.append(path);
    return list;
}

Settings::ThemeChoice Settings::themeChoice() const
{
    const QString name = m_settings.value(u"theme"_s, u"system"_s).toString();
    return name == u"light"_s ? ThemeChoice::Light : name == u"dark"_s ? ThemeChoice::Dark : ThemeChoice::System;
}

void Settings::setThemeChoice(ThemeChoice choice)
{
    m_settings.setValue(u"theme"_s, choice == ThemeChoice::Light ? u"light"_s : choice == ThemeChoice::Dark ? u"dark"_s : u"system"_s);
}

Theme Settings::theme() const
{
    switch (themeChoice()) {
    case ThemeChoice::Light: return Theme::Light;
    case ThemeChoice::Dark: return Theme::Dark;
    case ThemeChoice::System: break;
    }
    if (const QString told = m_settings.value(u"desktopTheme"_s).toString(); !told.isEmpty())
        return told == u"dark"_s ? Theme::Dark : Theme::Light;
    // The desktop's own palette, as the platform gave it before ours was set.
    static const bool dark = QGuiApplication::palette().color(QPalette::Window).lightnessF() < 0.5;
    return dark ? Theme::Dark : Theme::Light;
}

void Settings::setDesktopTheme(std::optional<Theme> theme)
{
    if (theme)
        m_settings.setValue(u"desktopTheme"_s, *theme == Theme::Dark ? u"dark"_s : u"light"_s);
    else
        m_settings.remove(u"desktopTheme"_s);
}

QString Settings::folder(const QString& purpose, const QString& fallback) const
{
    const QString folder = m_settings.value(u"folders/"_s + purpose).toString();
    return QFileInfo(folder).isDir() ? folder : fallback;
}

void Settings::setFolder(const QString& purpose, const QString& path)
{
    const QFileInfo info(path);
    m_settings.setValue(u"folders/"_s + purpose, info.isDir() ? info.absoluteFilePath() : info.absolutePath());
}

} // namespace halftone
