#include "widgets/token_text.h"

namespace halftone {

using namespace Qt::Literals::StringLiterals;

QString tokenLabel(std::string_view utf8, int most)
{
    const QString text = QString::fromUtf8(utf8.data(), static_cast<qsizetype>(utf8.size()));
    qsizetype first = 0, last = text.size();
    while (first < last && text[first] == u' ')
        ++first;
    while (last > first && text[last - 1] == u' ')
        --last;
    QString label;
    for (qsizetype i = 0; i < text.size() && label.size() < most; ++i) {
        const QChar c = text[i];
        if (c == u' ')
            label += i < first || i >= last ? u'␣' : u' ';
        else if (c == u'\n')
            label += u'↵';
        else if (c == u'\r')
            label += u'⏎';
        else if (c == u'\t')
            label += u'⇥';
        else if (c.category() == QChar::Other_Control || c.category() == QChar::Other_Format || c.category() == QChar::Separator_Line
                 || c.category() == QChar::Separator_Paragraph)
            label += u'·';
        else
            label += c;
    }
    if (label.size() >= most && text.size() > most)
        label = label.left(most - 1) + u'…';
    return label;
}

} // namespace halftone
