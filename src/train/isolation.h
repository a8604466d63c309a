// Whether documents that share a row know of each other.
#pragma once

#include "model/transformer.h"

#include <cstdint>
#include <string>

namespace tpt::train {

// What another text in the first document of a row changed in the second one.
struct Leak {
  bool in_logits = false;     // any bit of the second document's logits
  bool in_gradients = false;  // any bit of any parameter's gradient of its loss
  double largest_logit_change = 0;

  bool any() const { return in_logits || in_gradients; }
};

// Makes a row of two documents of random ids with `positions` in all, beside another row, and
// replaces every id of the first document. `isolated`: the documents are to be kept apart, else
// they are to be one text. Leaves the parameters' gradients as they were.
Leak probe_isolation(const model::Transformer& network, std::int64_t positions,
                     model::Precision precision, bool isolated, std::uint64_t seed);

// Moves the weights to where a run of one process with this option would have them
// (Config::device).
void move_to_device(const model::Transformer& network, const std::string& device);

}  // namespace tpt::train
