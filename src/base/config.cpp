#include "base/config.h"

#include "base/error.h"

#include <charconv>
#include <cmath>

namespace tpt {
namespace {

std::string range_text(std::int64_t min, std::int64_t max) {
  const bool has_min = min != std::numeric_limits<std::int64_t>::min();
  const bool has_max = max != std::numeric_limits<std::int64_t>::max();
  if (has_min && has_max) return fmt::format("{} to {}", min, max);
  if (has_min) return fmt::format("{} or more", min);
  if (has_max) return fmt::format("{} or less", max);
  return "";
}

std::string range_text(double min, double max) {
  const bool has_min = std::isfinite(min);
  const bool has_max = std::isfinite(max);
  if (has_min && has_max) return fmt::format("{} to {}", min, max);
  if (has_min) return fmt::format("{} or more", min);
  if (has_max) return fmt::format("{} or less", max);
  return "";
}

// A whole number out of JSON, or out of the text of a command line. "2_000_000" and "1e6" are
// accepted too.
std::int64_t to_integer(const Json& given) {
  if (given.is_number_integer()) return given.get<std::int64_t>();
  if (given.is_string()) {
    std::string text = given.get<std::string>();
    std::erase(text, '_');
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc() && end == text.data() + text.size() && !text.empty()) return value;
    double number = 0;
    const auto [tail, trouble] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (trouble == std::errc() && tail == text.data() + text.size() &&
        std::floor(number) == number && std::abs(number) < 9e15) {
      return static_cast<std::int64_t>(number);
    }
  }
  if (given.is_number_float()) {
    const double number = given.get<double>();
    if (std::floor(number) == number && std::abs(number) < 9e15)
      return static_cast<std::int64_t>(number);
  }
  throw std::string("not a whole number");
}

double to_number(const Json& given) {
  if (given.is_number()) return given.get<double>();
  if (given.is_string()) {
    const std::string text = given.get<std::string>();
    double value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem == std::errc() && end == text.data() + text.size() && !text.empty()) return value;
  }
  throw std::string("not a number");
}

std::int64_t checked(std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value < min || value > max) throw std::string("out of range");
  return value;
}

// How alike two names are, for "did you mean": the length of the longest common subsequence.
std::size_t common_letters(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1, 0);
  for (const char letter : a) {
    std::size_t diagonal = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = letter == b[j - 1] ? diagonal + 1 : std::max(row[j], row[j - 1]);
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

void Fields::add(Field field) {
  for (const Field& other : fields_) {
    TPT_CHECK(other.name != field.name, "option {} is described twice", field.name);
  }
  fields_.push_back(std::move(field));
}

void Fields::flag(std::string name, bool& value, std::string help) {
  Field field{
      .name = std::move(name), .help = std::move(help), .allowed = "true, false", .is_flag = true};
  field.set = [&value](const Json& given) {
    if (given.is_boolean()) {
      value = given.get<bool>();
    } else if (given == "true" || given == "1") {
      value = true;
    } else if (given == "false" || given == "0") {
      value = false;
    } else {
      throw std::string("neither true nor false");
    }
  };
  field.get = [&value]() -> Json { return value; };
  add(std::move(field));
}

void Fields::integer(std::string name, std::int64_t& value, std::string help, std::int64_t min,
                     std::int64_t max) {
  Field field{.name = std::move(name), .help = std::move(help), .allowed = range_text(min, max)};
  field.set = [&value, min, max](const Json& given) {
    value = checked(to_integer(given), min, max);
  };
  field.get = [&value]() -> Json { return value; };
  add(std::move(field));
}

void Fields::number(std::string name, double& value, std::string help, double min, double max) {
  Field field{.name = std::move(name), .help = std::move(help), .allowed = range_text(min, max)};
  field.set = [&value, min, max](const Json& given) {
    const double number = to_number(given);
    if (!(number >= min && number <= max)) throw std::string("out of range");
    value = number;
  };
  field.get = [&value]() -> Json { return value; };
  add(std::move(field));
}

void Fields::text(std::string name, std::string& value, std::string help) {
  Field field{.name = std::move(name), .help = std::move(help), .is_text = true};
  field.set = [&value](const Json& given) {
    if (!given.is_string()) throw std::string("not a text");
    value = given.get<std::string>();
  };
  field.get = [&value]() -> Json { return value; };
  add(std::move(field));
}

void Fields::texts(std::string name, std::vector<std::string>& value, std::string help) {
  Field field{.name = std::move(name), .help = std::move(help), .is_list = true, .is_text = true};
  field.set = [&value](const Json& given) {
    if (given.is_string()) {
      value = {given.get<std::string>()};
      return;
    }
    if (!given.is_array()) throw std::string("not a list of texts");
    std::vector<std::string> read;
    for (const Json& item : given) {
      if (!item.is_string()) throw std::string("not a list of texts");
      read.push_back(item.get<std::string>());
    }
    value = std::move(read);
  };
  field.get = [&value]() -> Json { return value; };
  add(std::move(field));
}

void Fields::integers(std::string name, std::vector<std::int64_t>& value, std::string help,
                      std::int64_t min, std::int64_t max) {
  Field field{.name = std::move(name),
              .help = std::move(help),
              .allowed = range_text(min, max),
              .is_list = true};
  field.set = [&value, min, max](const Json& given) {
    std::vector<std::int64_t> read;
    if (given.is_array()) {
      for (const Json& item : given) read.push_back(checked(to_integer(item), min, max));
    } else {
      read.push_back(checked(to_integer(given), min, max));
    }
    value = std::move(read);
  };
  field.get = [&value]() -> Json { return value; };
  add(std::move(field));
}

void Fields::set(std::string_view name, const Json& value) {
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    try {
      field.set(value);
    } catch (const std::string& problem) {
      user_error("{}.{}: got {}, {}{}{}", section_, name, dump_json(value), problem,
                 field.allowed.empty() ? "" : "; allowed: ", field.allowed);
    }
    return;
  }
  std::string nearest;
  std::size_t most = 0;
  for (const Field& field : fields_) {
    const std::size_t shared = common_letters(name, field.name);
    if (shared > most && 2 * shared > std::max(name.size(), field.name.size())) {
      most = shared;
      nearest = field.name;
    }
  }
  user_error("{}.{}: there is no such option{}", section_, name,
             nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
}

void Fields::apply(const Json& object) {
  if (object.is_null()) return;
  if (!object.is_object()) {
    user_error("{}: got {}, allowed: a table of options", section_, dump_json(object));
  }
  for (const auto& [name, value] : object.items()) {
    set(name, value);
  }
}

Json Fields::to_json() const {
  Json record = Json::object();
  for (const Field& field : fields_) {
    record[field.name] = field.get();
  }
  return record;
}

}  // namespace tpt
