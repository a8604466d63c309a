#include "app/endpoint_list.h"

#include "app/engines.h"
#include "base/error.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace tpt::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

std::string error_of(const std::string& text) {
  try {
    parse_endpoint(text, "here");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
  return "";
}

TEST(EndpointList, ReadsAddressesAndSettings) {
  const EndpointEntry entry = parse_endpoint(
      "http://gpu-1:8000 limit=64 weight=2.5 price_in=0.1 price_out=0.4 price_hour=2 gpus=8 # fast",
      "");
  EXPECT_EQ(entry.name, "http://gpu-1:8000/v1");
  EXPECT_EQ(entry.limit, 64);
  EXPECT_EQ(entry.weight, 2.5);
  EXPECT_EQ(entry.price_in, 0.1);
  EXPECT_EQ(entry.price_out, 0.4);
  EXPECT_EQ(entry.price_hour, 2);
  EXPECT_EQ(entry.gpus, 8);
  EXPECT_FALSE(entry.dns);
  EXPECT_EQ(parse_endpoint("llama:a/b.gguf limit=4", "").llama_file, "a/b.gguf");
}

TEST(EndpointList, KnowsNamesThatStandForManyAddresses) {
  const EndpointEntry entry = parse_endpoint("https+dns://vllm.example:8443/team/v1", "");
  EXPECT_TRUE(entry.dns);
  EXPECT_EQ(entry.url, "https://vllm.example:8443/team/v1");
  std::vector<std::string> failed;
  const auto all =
      resolve_names({parse_endpoint("http+dns://localhost:8000/v1 limit=3", "")}, failed);
  EXPECT_THAT(failed, SizeIs(0));
  ASSERT_FALSE(all.empty());
  for (const EndpointEntry& one : all) {
    EXPECT_FALSE(one.dns);
    EXPECT_EQ(one.limit, 3);
    EXPECT_TRUE(one.address == "127.0.0.1:8000" || one.address == "[::1]:8000") << one.address;
    EXPECT_EQ(one.name, "http://localhost:8000/v1 at " + one.address);
  }
  resolve_names({parse_endpoint("http+dns://no-such-name.invalid:1/v1", "")}, failed);
  EXPECT_THAT(failed, ElementsAre(HasSubstr("no-such-name.invalid")));
}

TEST(EndpointList, NeverShowsAPassword) {
  const EndpointEntry entry = parse_endpoint("http://me:hunter2@gpu:8000/v1?key=hunter2", "");
  EXPECT_THAT(entry.name, Not(HasSubstr("hunter2")));
  EXPECT_THAT(error_of("http://me:hunter2@gpu:8000/v1 hunter2=3"), Not(HasSubstr("hunter2")));
  EngineConfig config;
  config.engine = "http://me:hunter2@gpu:8000/v1";
  config.http.urls = {"http://me:hunter2@gpu:8000/v1"};
  EXPECT_THAT(dump_json(recorded_engine(config)), Not(HasSubstr("hunter2")));
  const EngineConfig shown = without_secrets(config);
  EXPECT_EQ(shown.engine, "http");
  EXPECT_THAT(shown.http.urls, testing::Each(std::string("http://gpu:8000/v1")));
  EXPECT_EQ(shown_endpoint("http+dns://a:b@gpu:1/v1 limit=3"), "http+dns://gpu:1/v1 limit=3");
}

TEST(EndpointList, SaysWhatIsWrong) {
  EXPECT_THAT(error_of(""), HasSubstr("here: got nothing"));
  EXPECT_THAT(error_of("http://gpu:1 limit=-1"), HasSubstr("limit: got -1"));
  EXPECT_THAT(error_of("http://gpu:1 limit=many"), HasSubstr("limit: got many"));
  EXPECT_THAT(error_of("http://gpu:1 weight=0"), HasSubstr("above 0"));
  EXPECT_THAT(error_of("http://gpu:1 speed=9"), HasSubstr("none of limit=, weight="));
  EXPECT_THAT(error_of("ftp://gpu:1"), Not(HasSubstr("speed")));
  EXPECT_FALSE(error_of("ftp://gpu:1").empty());
  EXPECT_THAT(error_of("llama:"), HasSubstr("names no file"));
}

TEST(EndpointList, ReadsAFileAndKeepsBadLinesOut) {
  const TemporaryFolder folder;
  std::ofstream(folder / "urls") << "# the first rack\n\nhttp://a:1/v1\r\n  b:2 limit=5   # slow\n"
                                    "ftp://nowhere\nhttp://c:3/v1 limit=x\nhttp://a:1";
  const EndpointFile file = read_endpoint_file(folder / "urls");
  ASSERT_THAT(file.entries, SizeIs(3));
  EXPECT_EQ(file.entries[1].name, "http://b:2/v1");
  EXPECT_EQ(file.entries[1].limit, 5);
  ASSERT_THAT(file.bad_lines, SizeIs(2));
  EXPECT_THAT(file.bad_lines[0], HasSubstr("urls:5"));
  EXPECT_THAT(file.bad_lines[1], HasSubstr("urls:6"));
  std::vector<std::string> doubled;
  EXPECT_THAT(without_doubles(file.entries, doubled), SizeIs(2));
  EXPECT_THAT(doubled, ElementsAre("http://a:1/v1"));
  EXPECT_THROW(read_endpoint_file(folder / "none"), Error);
}

TEST(HttpEngineOptions, OnlyWhatShapesTheAnswersIsRecorded) {
  EngineConfig one;
  one.http.urls = {"http://a:1"};
  EngineConfig other;
  other.engine = "http://b:2,http://c:3";
  other.http.http.in_flight = 7;
  other.http.fleet.hedge_share = 0.5;
  other.http.price_per_hour = 3;
  EXPECT_EQ(recorded_engine(one), recorded_engine(other));
  other.http.http.extra_body = "{\"a\": 1}";
  EXPECT_NE(recorded_engine(one), recorded_engine(other));
  EXPECT_EQ(recorded_engine(one)["engine"], "http");
  // An engine in the process knows nothing of servers.
  EXPECT_FALSE(recorded_engine({}).contains("served_model"));
}

TEST(HttpEngineOptions, AddressesForAnotherEngineAreRefused) {
  EngineConfig config;
  config.engine = "fake";
  config.http.urls = {"http://a:1"};
  EXPECT_THROW(make_engine(config), Error);
}

}  // namespace
}  // namespace tpt::app
