#include "app/studio/error_text.h"

#include <QCoreApplication>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("ErrorText", text);
}

} // namespace

QString nextStep(const QString& tag, const JobError& error)
{
    const bool reads = tag == u"tokenizer"_s || tag == u"analyze"_s || tag == u"quantize"_s || tag.startsWith(u"evaluate"_s) || tag.startsWith(u"study"_s);
    if (reads && error.sentence.contains(u"tokenizer"_s) && (error.kind == ErrorKind::BadFile || error.kind == ErrorKind::Unsupported))
        return tr("Texts cannot be read without it. Put the model's tokenizer.json (or tokenizer.model) into its folder and open the model again; weights can be looked at, and recipes made, "
                  "all the same.");
    switch (error.kind) {
    case ErrorKind::BadFile:
        if (tag == u"open"_s)
            return tr("The file is missing, incomplete or of another kind. Halftone opens a Hugging Face folder (config.json with safetensors), "
                      "a GGUF file, or a NAME.halftone project; copy or download it again if it should be one.");
        if (error.sentence.contains(u"no tokenizer"_s))
            return tr("Put the tokenizer's files (tokenizer.json or tokenizer.model) into the model's folder and open it again.");
        if (tag == u"analyze"_s || tag == u"quantize"_s || tag.startsWith(u"evaluate"_s))
            return tr("Choose another text, or fewer or shorter windows, and start again.");
        return tr("The file is missing, incomplete or of another kind; choose another one.");
    case ErrorKind::Unsupported:
        if (tag == u"open"_s && error.sentence.contains(u"quantized already"_s))
            return tr("Open the float model that it was made from. What a quantized checkpoint costs against that, halftone-cli evaluate CHECKPOINT --against MODEL measures.");
        if (tag == u"open"_s && error.sentence.contains(u"architecture"_s))
            return tr("Halftone has to know how a model computes before it shows anything of it: there is no view of the weights alone. Open a model of one of the families that are named.");
        if (tag == u"open"_s)
            return tr("Open a Hugging Face folder with safetensors, or a GGUF file, of an architecture that is known.");
        return tr("Choose another model, method or format; the guide (F1) says what goes together.");
    case ErrorKind::OutOfMemory:
        return tr("Use fewer or shorter windows or samples, or close other programs. What is finished is kept: resume goes on from there.");
    case ErrorKind::Io:
        if (tag == u"export"_s)
            return tr("Choose an empty folder on a disk with enough free space where you may write.");
        return tr("Check that the disk has free space and that you may write there, then try again; nothing half-written was left.");
    case ErrorKind::InvalidArgument:
        if (tag == u"run"_s || tag == u"copy-project"_s)
            return {};   // the sentence says it
        if (tag == u"quantize"_s)
            return tr("Quantize… says what differs, and takes over what is the same or starts anew.");
        return tr("Change the value named above and try again.");
    case ErrorKind::Internal:
        break;
    }
    return tr("This should not have happened. Copy the details into a report; your project is as it was.");
}

Message errorMessage(const QString& id, const JobError& error)
{
    Message message;
    message.kind = Message::Kind::Error;
    message.id = id;
    message.sentence = error.sentence;
    message.nextStep = nextStep(id, error);
    message.details = error.sentence + u'\n' + error.details;
    if (!error.subject.isEmpty() && !error.sentence.contains(error.subject))
        message.details += u"\nabout: "_s + error.subject;
    return message;
}

} // namespace halftone
