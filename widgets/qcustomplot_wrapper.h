#pragma once

// QCustomPlot's header uses Qt's bare keywords, which this project switches off. Include it through this file only.
#include <QtCore>

#define signals Q_SIGNALS
#define slots Q_SLOTS
#define foreach Q_FOREACH
#include <qcustomplot.h>
#undef signals
#undef slots
#undef foreach
