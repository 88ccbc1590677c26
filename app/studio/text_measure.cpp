#include "app/studio/text_measure.h"

#include "app/studio/job_runner.h"
#include "app/studio/text.h"
#include "app/studio/text_field.h"

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {
constexpr int kWaitMs = 150;
}

TextMeasure::TextMeasure(std::filesystem::path model, JobRunner& jobs, const TextField& text, QObject* parent)
    : QObject(parent), m_model(std::move(model)), m_jobs(&jobs), m_text(text), m_tag(u"measure-"_s + text.objectName()), m_later(this)
{
    m_later.setSingleShot(true);
    m_later.setInterval(kWaitMs);
    connect(&m_later, &QTimer::timeout, this, &TextMeasure::measure);
    connect(&text, &TextField::changed, this, [this] {
        m_length.reset();
        m_problem.clear();
        m_later.start();
        Q_EMIT changed();
    });
    measure();
}

TextMeasure::~TextMeasure()
{
    if (m_jobs)
        m_jobs->cancelTag(m_tag);
}

void TextMeasure::measure()
{
    if (!m_jobs || !m_text.problem().isEmpty())
        return;
    JobSpec spec{m_tag, tr("Look at the text"), JobSpec::Lane::Files, false, {}, {}};
    const QPointer<TextMeasure> alive(this);
    const auto current = [alive, line = m_text.file()] { return alive && line == alive->m_text.file(); };   // the dialog stands, with the same text
    spec.failed = [alive, current](const JobError& error) {
        if (!current())
            return;
        alive->m_problem = error.sentence;
        Q_EMIT alive->changed();
    };
    m_jobs->submit(
        spec, [model = m_model, choice = m_text.choice()](Progress&, const std::stop_token& stop) { return measureText(model, choice, stop); },
        [alive, current](const TextLength& length) {
            if (!current())
                return;
            alive->m_length = length;
            Q_EMIT alive->changed();
        });
}

QString TextMeasure::problem(int length) const
{
    return m_problem.isEmpty() && m_length ? toQString(m_length->problem(length)) : m_problem;
}

std::optional<int> TextMeasure::windows(int wanted, int length) const
{
    if (m_length)
        return std::max(1, m_length->samples({wanted, length, 0}));
    return wanted > 0 ? std::optional(wanted) : std::nullopt;
}

QString windowsText(int asked, int length, const TextMeasure& text)
{
    const std::optional<int> there = text.windows(asked, length);
    if (!there)
        return TextMeasure::tr("The whole text, cut into windows of %1 tokens.").arg(length);
    const QString tokens = countText(std::int64_t(*there) * length);
    if (asked == 0)
        return TextMeasure::tr("The whole text: %1 tokens, cut into windows of %2.").arg(tokens).arg(length);
    if (*there < asked)
        return TextMeasure::tr("%1 of %2 windows: the text is short (%3 tokens). %4 tokens are cut from it.").arg(*there).arg(asked).arg(countText(text.length()->tokens), tokens);
    return TextMeasure::tr("%1 tokens, cut from the start of the text.").arg(tokens);
}

} // namespace halftone
