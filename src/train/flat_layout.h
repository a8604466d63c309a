// Where each parameter stands in the flat buffers of weights and gradients, in which pieces
// processes add these up, and which elements each process steps.
#pragma once

#include "model/transformer.h"
#include "train/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::train {

struct Range {
  std::int64_t from = 0, to = 0;
  std::int64_t count() const { return to - from; }
};

// Cuts that depend on the range alone: what works on the pieces one by one gives the same numbers
// whoever takes which.
std::vector<Range> pieces_of(Range range);

class FlatLayout {
 public:
  struct Part {
    std::string name;
    std::int64_t from = 0;
    std::vector<std::int64_t> shape;
    std::int64_t parameter = 0;  // its place in the list of parameters, the order of a forward pass

    std::int64_t count() const;
    Range range() const { return {from, from + count()}; }
  };
  // Elements that stand together; process r of n has the n-th part r of them.
  struct Stripe {
    Range range;
    std::int64_t each = 0;
    Range of(std::int64_t rank) const {
      return {range.from + rank * each, range.from + (rank + 1) * each};
    }
  };
  // What is added up at once. Of one in parts each process needs its own part alone.
  struct Bucket {
    Range range;
    bool in_parts = false;
  };

  // For process `rank` of `size`. With config.shard_optimizer each steps a share of the weights:
  // whole matrices of those that Muon steps, else a part of each bucket.
  FlatLayout(const model::NamedTensors& parameters, const Config& config, std::int64_t rank,
             std::int64_t size);

  // Matrices for Muon first, then what has weight decay, then the others.
  const std::vector<Part>& parts() const { return parts_; }
  std::int64_t total() const { return total_; }                // with padding between the parts
  std::int64_t matrices_end() const { return matrices_end_; }  // of what Muon steps
  std::int64_t decayed_end() const { return decayed_end_; }    // of what has weight decay
  // In the order in which a backward pass completes them.
  const std::vector<Bucket>& buckets() const { return buckets_; }
  // Empty where each process steps everything.
  const std::vector<Stripe>& stripes() const { return stripes_; }
  bool is_sharded() const { return !stripes_.empty(); }

  // What this process steps of `within`, rising. `place`: where a buffer of what it steps from
  // element `first` on alone has it.
  struct Own {
    Range range;
    std::int64_t place = 0;
  };
  std::vector<Own> own(Range within, std::int64_t first = 0) const;
  std::int64_t own_count(std::int64_t first = 0) const;

 private:
  void place_parts(const model::NamedTensors& parameters, const Config& config);
  void spread_matrices();
  void cut(Range range, std::int64_t bucket_elements, bool in_parts);
  void order_buckets();

  std::int64_t rank_, size_;
  std::vector<Part> parts_;
  std::int64_t total_ = 0, matrices_end_ = 0, decayed_end_ = 0;
  std::vector<Bucket> buckets_;
  std::vector<Stripe> stripes_;
};

}  // namespace tpt::train
