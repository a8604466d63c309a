#include "train/background.h"

#include <utility>

namespace tpt::train {

void Background::start(std::function<void()> work) {
  wait();
  under_way_ = std::async(std::launch::async, std::move(work));
}

void Background::wait() {
  if (under_way_.valid()) {
    under_way_.get();
  }
}

}  // namespace tpt::train
