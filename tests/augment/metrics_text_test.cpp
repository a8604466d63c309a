#include "augment/metrics_text.h"

#include "augment/figure_text.h"
#include "base/json.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <set>

namespace tpt::augment {
namespace {

using testing::HasSubstr;
using testing::Not;

JobStatus some_job() {
  return {.documents_total = 100,
          .documents_read = 60,
          .rows_in = 50,
          .rows_written = 40,
          .rows_rejected = 7,
          .rows_failed = 3,
          .rows_from_journal = 11,
          .rejected_by_reason = {{"loop", 5}, {"too_short", 2}},
          .finished_by = {{"stop", 41}, {"length", 6}},
          .in_flight = 10,
          .thinking_tokens = 40'000,
          .rejected_tokens = 900,
          .saved_tokens = 123,
          .seconds = 12.5,
          .seconds_left = 20};
}

EndpointStatus some_endpoint(const std::string& name) {
  EndpointStatus endpoint{.name = name,
                          .state = "up",
                          .in_flight = 5,
                          .limit = 8,
                          .outstanding_tokens = 5000,
                          .requests = 30,
                          .answers = 20,
                          .retries = 4,
                          .hedges = 1,
                          .failures = {{"busy", 3}, {"timed_out", 2}},
                          .prompt_tokens = 3000,
                          .generated_tokens = 9000,
                          .wasted_prompt_tokens = 500,
                          .wasted_generated_tokens = 700,
                          .busy_seconds = 12,
                          .gpu_seconds = 96,
                          .spent = 0.125,
                          .answer_seconds = 44.5};
  endpoint.answers_within[3] = 15;
  endpoint.answers_within[5] = 4;
  endpoint.answers_within.back() = 1;
  return endpoint;
}

class MetricsText : public testing::Test {
 protected:
  Json read(const std::string& page) {
    storage::write_file_atomically(folder_ / "page", page);
    const std::string command = fmt::format(
        "'{}' '{}/tests/augment/metrics_oracle.py' '{}' > '{}' 2> '{}'", TPT_PYTHON, TPT_SOURCE_DIR,
        (folder_ / "page").string(), (folder_ / "out").string(), (folder_ / "log").string());
    const int status = std::system(command.c_str());
    EXPECT_EQ(status, 0) << storage::read_file(folder_ / "log") << page;
    return status == 0 ? parse_json(storage::read_file(folder_ / "out"), "oracle") : Json();
  }
  static bool has_oracle() {
    return std::system(fmt::format("'{}' -c 'import prometheus_client' 2> /dev/null", TPT_PYTHON)
                           .c_str()) == 0;
  }
  static double value(const Json& read, const std::string& name, Json labels = Json::object()) {
    const nlohmann::json sorted = labels;
    std::string key = fmt::format("[\"{}\", {{", name);
    for (const auto& [label, content] : sorted.items()) {
      if (key.back() != '{') key += ", ";
      key += fmt::format("\"{}\": {}", label, content.dump(-1, ' ', true));
    }
    key += "}]";
    EXPECT_TRUE(read.at("samples").contains(key)) << key;
    return read.at("samples").value(key, -1.0);
  }

  TemporaryFolder folder_;
};

#define NEEDS_ORACLE() \
  if (!has_oracle()) GTEST_SKIP() << "needs prometheus_client (make setup-test)"

TEST_F(MetricsText, PrometheusReadsEveryFigure) {
  NEEDS_ORACLE();
  SpendRecord run{.calls = 2, .seconds = 100};
  run.endpoints["gone"] = {.generated_tokens = 50'000, .gpu_seconds = 1000, .money = 2};
  run.endpoints["http://a:8000/v1"] = spend_of(some_endpoint("http://a:8000/v1"));
  const Json page = read(
      metrics_text(some_job(), {some_endpoint("http://a:8000/v1"), some_endpoint("http://b/v1")},
                   {.prompt_tokens = 10, .generated_tokens = 7, .wasted_generated_tokens = 2}, run,
                   {"0.1.0", "abc"}));
  ASSERT_FALSE(page.is_null());
  EXPECT_EQ(value(page, "tpt_build_info", {{"version", "0.1.0"}, {"commit", "abc"}}), 1);
  EXPECT_EQ(value(page, "tpt_augment_rows_total", {{"outcome", "written"}}), 40);
  EXPECT_EQ(value(page, "tpt_augment_rows_total", {{"outcome", "rejected"}}), 7);
  EXPECT_EQ(value(page, "tpt_augment_rows_total", {{"outcome", "failed"}}), 3);
  EXPECT_EQ(value(page, "tpt_augment_rows_rejected_total", {{"reason", "loop"}}), 5);
  EXPECT_EQ(value(page, "tpt_augment_rows_finished_total", {{"finish", "length"}}), 6);
  EXPECT_EQ(value(page, "tpt_augment_seconds_left"), 20);
  EXPECT_EQ(value(page, "tpt_augment_tokens_total", {{"direction", "generated"}, {"fate", "used"}}),
            5);
  EXPECT_EQ(
      value(page, "tpt_augment_tokens_total", {{"direction", "generated"}, {"fate", "wasted"}}), 2);
  EXPECT_EQ(value(page, "tpt_run_tokens", {{"direction", "generated"}, {"fate", "used"}}),
            50'000 + 9000 - 700);
  EXPECT_EQ(value(page, "tpt_run_gpu_seconds"), 1096);
  EXPECT_EQ(value(page, "tpt_run_money"), 2.125);
  const Json at_b = {{"endpoint", "http://b/v1"}};
  EXPECT_EQ(value(page, "tpt_endpoint_up", at_b), 1);
  EXPECT_EQ(value(page, "tpt_endpoint_in_flight", at_b), 5);
  EXPECT_EQ(value(page, "tpt_endpoint_limit", at_b), 8);
  EXPECT_EQ(value(page, "tpt_endpoint_requests_total",
                  {{"endpoint", "http://b/v1"}, {"result", "timed_out"}}),
            2);
  EXPECT_EQ(value(page, "tpt_endpoint_requests_total",
                  {{"endpoint", "http://b/v1"}, {"result", "answered"}}),
            20);
  EXPECT_EQ(value(page, "tpt_request_seconds_bucket", {{"le", "1"}}), 30);
  EXPECT_EQ(value(page, "tpt_request_seconds_bucket", {{"le", "+Inf"}}), 40);
  EXPECT_EQ(value(page, "tpt_request_seconds_count"), 40);
  EXPECT_EQ(value(page, "tpt_request_seconds_sum"), 89);
  EXPECT_EQ(page.at("types").at("tpt_request_seconds"), "histogram");
}

// Every metric and label that the page for operators names is served, and every metric stands
// there.
TEST_F(MetricsText, AreWhatTheDocumentsSay) {
  SpendRecord run{.calls = 1};
  run.endpoints["a"] = spend_of(some_endpoint("a"));
  EndpointStatus down = some_endpoint("b");
  down.state = "down";
  const std::string page = metrics_text(some_job(), {some_endpoint("a"), down}, run.endpoints["a"],
                                        run, {"0.1.0", "abc"});
  const std::string document = storage::read_file(TPT_SOURCE_DIR "/docs/operations.md");
  std::set<std::string> named;
  const std::regex metric(R"((tpt_[a-z_]+)(\{[^}]*\})?)");
  for (std::sregex_iterator found(document.begin(), document.end(), metric), end; found != end;
       ++found) {
    const std::string name = (*found)[1];
    const std::string served = std::regex_replace(name, std::regex("_(bucket|sum|count)$"), "");
    const bool whole = page.find("# TYPE " + name + " ") != std::string::npos;
    EXPECT_TRUE(whole || page.find("# TYPE " + served + " ") != std::string::npos) << name;
    named.insert(whole ? name : served);
    const std::string labels = (*found)[2];
    const std::regex label(R"(([a-z]+)(=|!=)\"([^"]*)\")");
    for (std::sregex_iterator each(labels.begin(), labels.end(), label); each != end; ++each) {
      EXPECT_TRUE(
          std::regex_search(page, std::regex("\n" + name + "\\{[^}\n]*" + std::string((*each)[1]) +
                                             "=\"" + std::string((*each)[3]) + "\"")))
          << name << labels;
    }
  }
  EXPECT_GE(named.size(), 30U);
  for (std::size_t at = 0; (at = page.find("# TYPE ", at)) != std::string::npos; ++at) {
    const std::string name = page.substr(at + 7, page.find(' ', at + 7) - at - 7);
    EXPECT_TRUE(named.contains(name)) << name << " is not in docs/operations.md";
  }
}

TEST_F(MetricsText, HostileNamesSpoilNothing) {
  NEEDS_ORACLE();
  std::vector<EndpointStatus> endpoints;
  for (const char* name : {"a\"} 1\n# TYPE x counter\nevil 2", "back\\slash", "back\\\\n", "", "",
                           "", "\xff\xfe\x80", "snow\xe2\x98\x83", "tab\tand\x01control"}) {
    endpoints.push_back(some_endpoint(name));
  }
  endpoints[0].failures["odd\"reason\n"] = 1;
  endpoints[0].failures["answered"] = 9;
  endpoints[1].state = "\"}\n";
  JobStatus job = some_job();
  job.rejected_by_reason["\"\n\\"] = 1;
  const Json page = read(metrics_text(job, endpoints, {}, {}, {"\"", "\n"}));
  ASSERT_FALSE(page.is_null());
  EXPECT_EQ(value(page, "tpt_endpoint_up", {{"endpoint", "back\\slash"}}), 0);
  EXPECT_EQ(value(page, "tpt_endpoint_up", {{"endpoint", "a\"} 1\n"}}), 1) << "cut before its #";
  EXPECT_EQ(value(page, "tpt_endpoint_up", {{"endpoint", " #2"}}), 1);
  EXPECT_EQ(value(page, "tpt_endpoint_up", {{"endpoint", "snow\u2603"}}), 1);
}

TEST_F(MetricsText, AThousandEndpointsAndNone) {
  NEEDS_ORACLE();
  std::vector<EndpointStatus> endpoints;
  for (int i = 0; i < 1000; ++i) {
    endpoints.push_back(some_endpoint(fmt::format("http://gpu-{}:8000/v1", i)));
  }
  EXPECT_FALSE(read(metrics_text(some_job(), endpoints, {}, {}, {})).is_null());
  const Json none = read(metrics_text({}, {}, {}, {}, {}));
  ASSERT_FALSE(none.is_null());
  EXPECT_EQ(value(none, "tpt_request_seconds_count"), 0);
  EXPECT_THAT(dump_json(none), Not(HasSubstr("seconds_left")));
}

TEST_F(MetricsText, SecretsOfAnAddressAreLeftOut) {
  const std::string page = metrics_text(
      {}, {some_endpoint("https://me:sk-secret@host:8443/v1?api_key=sk-other")}, {}, {}, {});
  EXPECT_THAT(page, Not(HasSubstr("sk-")));
  EXPECT_THAT(page, HasSubstr("endpoint=\"https://host:8443/v1\""));
  EXPECT_EQ(without_secrets("http://a@b@host/x@y"), "http://host/x@y");
  EXPECT_EQ(without_secrets("llama:some@file.gguf"), "llama:some@file.gguf");
}

TEST(FigureText, NumbersAsPeopleReadThem) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(-1000), "-1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(short_count(9999), "9999");
  EXPECT_EQ(short_count(9999.6), "10.0k");
  EXPECT_EQ(short_count(123'456), "123.5k");
  EXPECT_EQ(short_count(999'960), "1.00M");
  EXPECT_EQ(short_count(4.56e9), "4.56G");
  EXPECT_EQ(share_text(0), "0.0 %");
  EXPECT_EQ(share_text(0.00031), "0.03 %");
  EXPECT_EQ(share_text(0.1239), "12.4 %");
  EXPECT_EQ(duration_text(59.6), "1m00s");
  EXPECT_EQ(duration_text(3 * 86400 + 4 * 3600), "3d04h");
  EXPECT_EQ(duration_text(-1), "?");
  EXPECT_EQ(money_text(0.00421), "0.0042");
  EXPECT_EQ(money_text(12345.4), "12,345");
}

}  // namespace
}  // namespace tpt::augment
