#pragma once

#include <QByteArray>
#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QList>
#include <QString>
#include <QtEndian>

namespace halftone {

/// Writes the tiny Llama with `blocks` blocks, its own four over and over, into `folder` (safetensors, config and tokenizer). @return false when a
/// file cannot be read or written.
inline bool makeDeepModel(const QString& tinyLlama, const QString& folder, int blocks)
{
    const auto name = [](const char* text) { return QString::fromLatin1(text); };
    QDir().mkpath(folder);
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
        if (!QFile::copy(QDir(tinyLlama).filePath(name(file)), QDir(folder).filePath(name(file))))
            return false;
    QFile configIn(QDir(tinyLlama).filePath(name("config.json"))), configOut(QDir(folder).filePath(name("config.json")));
    if (!configIn.open(QIODevice::ReadOnly) || !configOut.open(QIODevice::WriteOnly))
        return false;
    QJsonObject config = QJsonDocument::fromJson(configIn.readAll()).object();
    config.insert(name("num_hidden_layers"), blocks);
    configOut.write(QJsonDocument(config).toJson());

    QFile in(QDir(tinyLlama).filePath(name("model.safetensors")));
    if (!in.open(QIODevice::ReadOnly))
        return false;
    const auto headerBytes = qFromLittleEndian<quint64>(in.read(8).constData());
    const QJsonObject header = QJsonDocument::fromJson(in.read(static_cast<qint64>(headerBytes))).object();
    const QByteArray data = in.readAll();
    QJsonObject outHeader;
    QByteArray outData;
    const auto add = [&](const QString& tensor, const QJsonObject& like) {
        const auto offsets = like.value(name("data_offsets")).toArray();
        const qint64 begin = offsets.at(0).toInteger(), end = offsets.at(1).toInteger(), at = outData.size();
        outData += data.mid(begin, end - begin);
        QJsonObject entry = like;
        entry.insert(name("data_offsets"), QJsonArray{at, at + end - begin});
        outHeader.insert(tensor, entry);
    };
    for (const QString& tensor : header.keys()) {
        if (tensor == name("__metadata__"))
            continue;
        const QString prefix = name("model.layers.");
        if (!tensor.startsWith(prefix)) {
            add(tensor, header.value(tensor).toObject());
            continue;
        }
        const int dot = static_cast<int>(tensor.indexOf(QLatin1Char('.'), prefix.size()));
        const int block = tensor.mid(prefix.size(), dot - prefix.size()).toInt();
        for (int b = block; b < blocks; b += 4)
            add(prefix + QString::number(b) + tensor.mid(dot), header.value(tensor).toObject());
    }
    QByteArray text = QJsonDocument(outHeader).toJson(QJsonDocument::Compact);
    text.append((8 - text.size() % 8) % 8, ' ');
    QByteArray length(8, '\0');
    qToLittleEndian<quint64>(static_cast<quint64>(text.size()), length.data());
    QFile out(QDir(folder).filePath(name("model.safetensors")));
    return out.open(QIODevice::WriteOnly) && out.write(length + text + outData) == 8 + text.size() + outData.size();
}

} // namespace halftone
