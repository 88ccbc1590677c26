#pragma once

#include "widgets/palette.h"

#include <QByteArray>
#include <QDateTime>
#include <QSettings>
#include <QString>
#include <QStringList>

#include <optional>
#include <utility>

namespace halftone {

/// What the studio remembers between starts: an INI file of the person's configuration folder.
class Settings {
public:
    Settings();

    QStringList recent() const;               ///< paths, newest first, at most 10
    void addRecent(const QString& path);
    void removeRecent(const QString& path);   ///< and its pin
    QStringList pinned() const;               ///< paths that stay in the list however many others were opened since
    void setPinned(const QString& path, bool pinned);
    /// What is told of a recent path without looking at it: blocks of the model, and when it was opened last.
    void setOpened(const QString& path, int blocks);
    std::pair<int, QDateTime> opened(const QString& path) const;
    QStringList listed() const;               ///< pinned ones first, then the other recent ones

    bool reopensLast() const { return value(QStringLiteral("reopenLast"), false).toBool(); }   ///< open at start what was open last
    void setReopensLast(bool reopens) { setValue(QStringLiteral("reopenLast"), reopens); }
    bool reducesMotion() const { return value(QStringLiteral("reduceMotion"), false).toBool(); }
    void setReducesMotion(bool reduces) { setValue(QStringLiteral("reduceMotion"), reduces); }
    bool tourDone() const { return value(QStringLiteral("tourDone"), false).toBool(); }        ///< taken or declined
    void setTourDone() { setValue(QStringLiteral("tourDone"), true); }

    QString sample() const { return value(QStringLiteral("sample")).toString(); }              ///< the sample model, where it was found last
    void setSample(const QString& path) { setValue(QStringLiteral("sample"), path); }

    enum class ThemeChoice { System, Light, Dark };
    ThemeChoice themeChoice() const;
    void setThemeChoice(ThemeChoice choice);
    /// The choice made concrete: for System what the desktop said last, else its palette at start.
    Theme theme() const;
    void setDesktopTheme(std::optional<Theme> theme);

    /// The folder last used for a purpose ("model", "text", "export"), or `fallback`.
    QString folder(const QString& purpose, const QString& fallback) const;
    void setFolder(const QString& purpose, const QString& path);

    QVariant value(const QString& key, const QVariant& fallback = {}) const { return m_settings.value(key, fallback); }
    void setValue(const QString& key, const QVariant& value) { m_settings.setValue(key, value); }
    void remove(const QString& key) { m_settings.remove(key); }

private:
    QSettings m_settings;
};

} // namespace halftone
