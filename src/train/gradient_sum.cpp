#include "train/gradient_sum.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <utility>

namespace tpt::train {

struct GradientSum::State {
  const FlatLayout* layout = nullptr;
  at::Tensor gradients;
  Ranks* ranks = nullptr;
  std::vector<std::vector<std::size_t>> buckets_of;  // by parameter
  std::vector<std::int64_t> parts_in;                // by bucket
  std::vector<std::int64_t> awaited;                 // of them in this pass
  std::size_t begun = 0;                             // buckets, in order
  bool is_expected = false;

  void begin_next() {
    const FlatLayout::Bucket& bucket = layout->buckets()[begun++];
    const at::Tensor piece = gradients.narrow(0, bucket.range.from, bucket.range.count());
    if (bucket.in_parts) {
      ranks->start_sum_of_parts(piece);
    } else {
      ranks->start_sum(piece);
    }
  }

  void reach(std::size_t parameter) {
    if (!is_expected) {
      return;
    }
    for (const std::size_t bucket : buckets_of[parameter]) {
      TPT_CHECK(awaited[bucket] > 0, "a gradient came after its bucket was added up");
      --awaited[bucket];
    }
    // All processes begin them in the same order, whatever the order they get ready in.
    while (begun < awaited.size() && awaited[begun] == 0) {
      begin_next();
    }
  }
};

struct GradientSum::Hook : torch::autograd::PostAccumulateGradHook {
  Hook(std::shared_ptr<State> state_in, std::size_t parameter_in)
      : state(std::move(state_in)), parameter(parameter_in) {}
  void operator()(const at::Tensor& /*tensor*/) override { state->reach(parameter); }

  std::shared_ptr<State> state;
  std::size_t parameter;
};

GradientSum::GradientSum(const model::NamedTensors& parameters, const FlatLayout& layout,
                         const at::Tensor& gradients, Ranks& ranks)
    : state_(std::make_shared<State>()) {
  if (!ranks.are_many()) {
    return;
  }
  state_->layout = &layout;
  state_->gradients = gradients;
  state_->ranks = &ranks;
  state_->buckets_of.resize(parameters.size());
  for (const FlatLayout::Bucket& bucket : layout.buckets()) {
    std::int64_t count = 0;
    for (const FlatLayout::Part& part : layout.parts()) {
      const Range range = part.range();
      if (range.from < bucket.range.to && bucket.range.from < range.to) {
        state_->buckets_of[static_cast<std::size_t>(part.parameter)].push_back(
            state_->parts_in.size());
        ++count;
      }
    }
    state_->parts_in.push_back(count);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameters[i].second,
                                                   std::make_unique<Hook>(state_, i));
  }
}

GradientSum::~GradientSum() { state_->is_expected = false; }

void GradientSum::expect_last_pass() {
  state_->awaited = state_->parts_in;
  state_->is_expected = !state_->awaited.empty();
}

void GradientSum::begin_rest() {
  if (state_->ranks == nullptr) {
    return;
  }
  state_->is_expected = false;
  while (state_->begun < state_->parts_in.size()) {
    state_->begin_next();
  }
  state_->begun = 0;
}

}  // namespace tpt::train
