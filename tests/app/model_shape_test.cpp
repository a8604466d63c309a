#include "app/model_shape.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tpt::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ModelShape : public testing::Test {
 protected:
  void SetUp() override {
    shape_ = model::resolved({.family = model::Family::qwen2,
                              .vocab_size = 320,
                              .hidden_size = 64,
                              .num_layers = 2,
                              .max_positions = 4096},
                             0);
    storage::write_file_atomically(folder_ / "config.json", model::to_hf_config(shape_, "float32"));
  }
  model::Config started(const model::Config& described, const std::set<std::string>& given) const {
    return shape_to_start_from(folder_.path().string(), described, given);
  }
  std::string refusal(const model::Config& described, const std::set<std::string>& given) const {
    try {
      started(described, given);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  model::Config shape_;
};

TEST_F(ModelShape, IsTheFoldersWhereNothingWasGiven) {
  EXPECT_EQ(started({}, {}), shape_);
  const model::Config described{.hidden_size = 7};
  EXPECT_EQ(shape_to_start_from("", described, {"hidden_size"}), described);
  EXPECT_EQ(shape_to_start_from("nowhere", described, {"hidden_size"}), described);
}

TEST_F(ModelShape, RefusesEveryOptionThatSaysSomethingElse) {
  // 128 is what the option has by itself, and still no word for 64.
  model::Config described{.hidden_size = 128, .num_layers = 2};
  described.recurrence.num_layers = 1;
  EXPECT_THAT(refusal(described, {"hidden_size", "num_layers", "recurrent_layers"}),
              AllOf(HasSubstr("model.hidden_size: got 128, it has 64"),
                    HasSubstr("model.recurrent_layers: got 1, it has 0"),
                    Not(HasSubstr("num_layers: got 2"))));
  EXPECT_EQ(started({.vocab_size = 0, .hidden_size = 64}, {"vocab_size", "hidden_size"}), shape_);
}

TEST_F(ModelShape, OnlyRaisesPositions) {
  const model::Config raised = started({.max_positions = 8192}, {"max_positions"});
  EXPECT_EQ(raised.max_positions, 8192);
  EXPECT_EQ(raised.hidden_size, 64);
  EXPECT_THAT(refusal({.max_positions = 2048}, {"max_positions"}),
              HasSubstr("model.max_positions: got 2048, it has 4096"));
  EXPECT_EQ(started({.max_positions = 2048}, {}).max_positions, 4096);
}

}  // namespace
}  // namespace tpt::app
