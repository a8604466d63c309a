// How steps are joined: a step reads from a Source and writes to a Sink, and knows nothing of
// files.
//
//   tpt::VectorSource<Document> documents({...});
//   tpt::VectorSink<Document> kept;
//   for (Document d; documents.next(d);) kept.put(std::move(d));
//   kept.finish();
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace tpt {

template <typename T>
class Source {
 public:
  virtual ~Source() = default;
  // Fills `item` with the next one; false at the end. Not to be shared by threads.
  [[nodiscard]] virtual bool next(T& item) = 0;
};

template <typename T>
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void put(T item) = 0;
  // Makes everything put so far durable. Without it the output is unfinished and is not read by
  // anyone.
  virtual void finish() = 0;
};

template <typename T>
class VectorSource : public Source<T> {
 public:
  explicit VectorSource(std::vector<T> items) : items_(std::move(items)) {}
  bool next(T& item) override {
    if (position_ == items_.size()) {
      return false;
    }
    item = items_[position_++];
    return true;
  }

 private:
  std::vector<T> items_;
  std::size_t position_ = 0;
};

template <typename T>
class VectorSink : public Sink<T> {
 public:
  void put(T item) override { items_.push_back(std::move(item)); }
  void finish() override { finished_ = true; }
  const std::vector<T>& items() const { return items_; }
  bool finished() const { return finished_; }

 private:
  std::vector<T> items_;
  bool finished_ = false;
};

}  // namespace tpt
