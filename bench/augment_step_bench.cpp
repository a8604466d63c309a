// What the augment step itself costs, beside engine and transport: CPU microseconds a document, of
// all threads, with an engine that copies a ready answer. One line of JSON.
//
//   tpt_augment_step_bench FOLDER [DOCUMENTS] [IN_FLIGHT] [DOCUMENT_BYTES] [ANSWER_BYTES]
//
// "journal": the same answers put into a journal alone, by the same commits.
#include "augment/augment.h"
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "storage/journal.h"

#include <fmt/format.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tpt::augment {
namespace {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Text of words as English has them, so that it can be compressed as such.
std::string text_of(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::string> words;
  for (int i = 0; i < 2000; ++i) {
    std::string word;
    for (std::uint64_t k = 2 + random.below(8); k > 0; --k) {
      word += static_cast<char>('a' + random.below(26));
    }
    words.push_back(word);
  }
  std::string text;
  while (text.size() < bytes) {
    text += words[random.below(random.below(words.size()) + 1)];
    text += random.below(12) == 0 ? ". " : " ";
  }
  return text.substr(0, bytes);
}

// Answers from a thread of its own, all that is queued at once.
class CopyingEngine : public engine::Engine {
 public:
  CopyingEngine(std::string text, std::int64_t capacity)
      : text_(std::move(text)),
        capacity_(capacity),
        thread_([this](std::stop_token stop) { work(std::move(stop)); }) {}
  void submit(engine::Request request, Done done) override {
    const std::scoped_lock lock(mutex_);
    queue_.push_back({std::move(request), std::move(done)});
    if (queue_.size() == 1) changed_.notify_one();
  }
  std::int64_t capacity() const override { return capacity_; }
  std::string name() const override { return "copy"; }
  bool deterministic() const override { return true; }
  const engine::TokenCounter& tokens() const override { return counter_; }
  bool needs_document() const override { return false; }

 private:
  struct Item {
    engine::Request request;
    Done done;
  };
  void work(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !queue_.empty(); })) {
      std::vector<Item> items = std::exchange(queue_, {});
      lock.unlock();
      for (Item& item : items) {
        engine::Response response;
        response.text = item.request.key + text_;
        response.generated_tokens = 1000;
        item.done(std::move(response));
      }
      lock.lock();
    }
  }

  std::string text_;
  std::int64_t capacity_;
  engine::ByteCounter counter_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Item> queue_;
  std::jthread thread_;
};

class MadeDocuments : public Source<Document> {
 public:
  MadeDocuments(std::string text, std::int64_t count) : text_(std::move(text)), count_(count) {}
  bool next(Document& document) override {
    if (number_ == count_) return false;
    document.id = fmt::format("doc-{:09}", number_++);
    document.text = document.id + text_;
    document.source = "made.jsonl";
    return true;
  }

 private:
  std::string text_;
  std::int64_t count_;
  std::int64_t number_ = 0;
};

double resident_megabytes() {
  std::ifstream status("/proc/self/statm");
  double pages = 0;
  status >> pages >> pages;
  return pages * 4096 / 1e6;
}

double journal_seconds(const std::filesystem::path& folder, std::int64_t documents,
                       const std::string& answer, std::int64_t batch) {
  const double start = cpu_seconds();
  storage::Journal journal(folder / "alone.sqlite");
  const std::string hash(60, 'f');
  for (std::int64_t i = 0; i < documents; ++i) {
    journal.put(fmt::format("doc-{:09}", i), 0, hash, answer);
    if (journal.uncommitted() >= batch) journal.commit();
  }
  journal.commit();
  return cpu_seconds() - start;
}

int bench(int argc, char** argv) {
  if (argc < 2) user_error("usage: tpt_augment_step_bench FOLDER [DOCUMENTS] [IN_FLIGHT] ...");
  const auto number = [&](int at, std::int64_t otherwise) {
    return argc > at ? std::atoll(argv[at]) : otherwise;
  };
  const std::filesystem::path folder = argv[1];
  const std::int64_t documents = number(2, 50'000);
  const std::int64_t in_flight = number(3, 512);
  const std::string document = text_of(static_cast<std::size_t>(number(4, 1024)), 1);
  const std::string answer = text_of(static_cast<std::size_t>(number(5, 4096)), 2);
  std::filesystem::remove_all(folder);
  CopyingEngine engine(answer, in_flight);
  MadeDocuments source(document, documents);
  NoProgress progress;
  Config config;
  config.context_tokens = 8192;
  const double start = cpu_seconds();
  const Counts counts = run(config, source, documents, engine, folder, progress, {});
  const double whole = cpu_seconds() - start;
  TPT_CHECK(counts.rows == documents);
  const double resident = resident_megabytes();
  const double alone =
      journal_seconds(folder, documents, answer, std::min<std::int64_t>(512, in_flight / 6));
  const auto microseconds = [&](double seconds) {
    return 1e6 * seconds / static_cast<double>(documents);
  };
  const Json result = {{"documents", documents},
                       {"in_flight", in_flight},
                       {"cpu_us", microseconds(whole)},
                       {"cpu_us_journal", microseconds(alone)},
                       {"wall_us", microseconds(counts.seconds)},
                       {"resident_mb", resident}};
  fmt::print("{}\n", dump_json(result));
  return 0;
}

}  // namespace
}  // namespace tpt::augment

int main(int argc, char** argv) {
  try {
    return tpt::augment::bench(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
