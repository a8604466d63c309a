// The fields of one JSON object as they are written: no number is read and written again.
#pragma once

#include <cstddef>
#include <string_view>

namespace tpt::corpus {

// Deeper lines are refused: what reads metadata later may go down one call a level.
inline constexpr std::size_t kMaxDepth = 1024;

// The text must be known to be a JSON object; this only finds where its fields begin and end.
class FieldScanner {
 public:
  struct Field {
    std::string_view key;  // with its quotes
    std::string_view value;
  };

  explicit FieldScanner(std::string_view object);
  // False behind the last field.
  [[nodiscard]] bool next(Field& field);

 private:
  void skip_space();
  std::string_view take_string();
  std::string_view take_value();

  std::string_view rest_;
};

}  // namespace tpt::corpus
