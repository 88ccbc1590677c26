#pragma once

#include "core/eval/evaluation.h"
#include "core/quant/activation_ranges.h"
#include "core/recipe/study.h"

#include <cstdint>
#include <string>
#include <vector>

namespace halftone {

/// What is known of one member of a study.
struct StudyMemberResult {
    enum class State { Waiting, Done, Impossible };
    std::string name, method, weights, activations;   ///< as StudyMember's
    Recipe recipe;
    State state = State::Waiting;
    std::string reason;              ///< why it is impossible on this model, a sentence
    std::string run;                 ///< the project's run that it was quantized by; empty: evaluated on the fly
    std::vector<Evaluation> texts;   ///< one a text of the study
    KernelCounts grids;              ///< what its activation grids did to all elements of all sites over all texts; no elements: no grids
    double bitsPerWeight = 16;
    std::uint64_t bytes = 0;         ///< of a compressed-tensors export
    double seconds = 0;              ///< its own work, and its part of what was done for several members together
};

/// A study as far as it has come.
struct StudyResult {
    std::string id;                        ///< "study-001"
    std::string created;
    bool done = false;
    Study study;
    std::vector<Evaluation> floatTexts;    ///< the float model, one a text
    std::vector<StudyMemberResult> members;
    double seconds = 0;                    ///< of work, all sittings together
    int floatWalks = 0;                    ///< times that the float model went over a text, all sittings together
    int reused = 0;                        ///< members taken from what the project held
};

/// The figures of a row: means over the study's texts. NaN where a figure was not measured; a text with logits that are not finite has an
/// infinite perplexity.
struct StudyFigures {
    double perplexity, degradation, ratio;   ///< degradation: against the float model; ratio: perplexity / float
    int sensitivity = 0;                     ///< 1, 2, 3; 0: not measured
    double klMean, klError;
    double kernel, lost, clipped;            ///< shares of all elements that the activation grids rounded
};
StudyFigures figuresOf(const StudyResult& result, const StudyMemberResult& member, const ClassLimits& limits);
/// Mean over the texts; NaN before it is measured.
double floatPerplexity(const StudyResult& result);

/// "done", "waiting", "impossible".
std::string name(StudyMemberResult::State state);

/// The table as CSV (RFC 4180), a column a text's perplexity and degradation at the end.
std::string studyCsv(const StudyResult& result, const ClassLimits& limits);

} // namespace halftone
