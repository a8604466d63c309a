// The parts of the page as HTML, readable without scripts: every figure stands in a table too.
#pragma once

#include "report/figures.h"
#include "report/html.h"
#include "report/page.h"

#include <cstddef>
#include <vector>

namespace tpt::report {

// Title, verdict and headline numbers.
Html hero(const Page& page);

// The figure's frame, which the scripts fill.
Html figure_frame(const Figure& figure);

// A flow with its figures, which are added to `figures`.
Html flow_section(const Flow& flow, std::size_t flow_number, std::vector<Figure>& figures);
// Its first part: curves, data efficiency, compute.
Html experiment_section(const Flow& flow, std::size_t flow_number, std::vector<Figure>& figures);
// Documents with their thinking, kept beside rejected.
Html samples_section(const AugmentPart& part);

// Commands, seeds, settings.
Html again_section(const Page& page);

}  // namespace tpt::report
