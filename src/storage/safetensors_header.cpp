// Reads the JSON header of a safetensors file as a stream of events: names given twice are seen,
// and what is not expected ends the reading before it takes memory.
#include "base/byte_order_mark.h"
#include "base/error.h"
#include "storage/safetensors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>
#include <unordered_set>

namespace tpt::storage {
namespace {

using PlainJson = nlohmann::json;

class HeaderEvents : public nlohmann::json_sax<PlainJson> {
 public:
  explicit HeaderEvents(const std::string& file) : file_(file) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t /*elements*/) override {
    switch (place_) {
      case Place::start:
        place_ = Place::top;
        return true;
      case Place::name:
        place_ = Place::tensor;
        return true;
      case Place::metadata_name:
        place_ = Place::metadata;
        return true;
      default:
        unexpected("an object");
    }
  }

  bool key(std::string& text) override {
    switch (place_) {
      case Place::top:
        start_member(text);
        return true;
      case Place::metadata:
        if (!metadata_keys_.insert(text).second) refuse("__metadata__ has {} twice", text);
        header_.metadata.emplace_back(text, "");
        place_ = Place::metadata_value;
        return true;
      case Place::tensor:
        start_field(text);
        return true;
      default:
        unexpected("a key");
    }
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata_value) {
      header_.metadata.back().second = text;
      place_ = Place::metadata;
    } else if (place_ == Place::dtype) {
      entry().type = type_of(text);
      place_ = Place::tensor;
    } else {
      unexpected("a text");
    }
    return true;
  }

  bool start_array(std::size_t /*elements*/) override {
    if (place_ == Place::shape) {
      place_ = Place::in_shape;
    } else if (place_ == Place::offsets) {
      place_ = Place::in_offsets;
    } else if (place_ == Place::start) {
      data_error("{}: its header is not a JSON object", file_);
    } else {
      unexpected("an array");
    }
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ == Place::in_shape) {
      if (value > std::numeric_limits<std::int64_t>::max()) refuse_shape();
      entry().shape.push_back(static_cast<std::int64_t>(value));
    } else if (place_ == Place::in_offsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry().begin : entry().end) = value;
    } else if (place_ == Place::in_offsets) {
      refuse("tensor {} has more than two offsets", entry().name);
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool number_integer(std::int64_t /*value*/) override { return other_number(); }
  bool number_float(double /*value*/, const std::string& /*text*/) override {
    return other_number();
  }
  bool null() override { unexpected("null"); }
  bool boolean(bool /*value*/) override { unexpected("true or false"); }
  bool binary(PlainJson::binary_t& /*value*/) override { unexpected("binary data"); }

  bool end_array() override {
    if (place_ == Place::in_offsets && offsets_ != 2) {
      refuse("tensor {} has no two offsets", entry().name);
    }
    place_ = Place::tensor;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"}) {
        if (fields_.count(field) == 0) refuse("tensor {} has no {}", entry().name, field);
      }
    }
    place_ = place_ == Place::top ? Place::end : Place::top;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*problem*/) override {
    data_error("{}: its header is not JSON, at byte {} of it", file_, position);
  }

 private:
  enum class Place {
    start,
    top,
    name,  // after a tensor's name
    tensor,
    dtype,
    shape,
    in_shape,
    offsets,
    in_offsets,
    metadata_name,
    metadata,
    metadata_value,
    end
  };

  template <typename... Values>
  [[noreturn]] void refuse(fmt::format_string<Values...> format, Values&&... values) const {
    data_error("{}: {}", file_, fmt::format(format, std::forward<Values>(values)...));
  }
  [[noreturn]] void unexpected(const char* what) const {
    if (place_ == Place::start) data_error("{}: its header is not a JSON object", file_);
    const bool in_tensor = !header_.tensors.empty() && place_ != Place::metadata_name &&
                           place_ != Place::metadata_value;
    if (!in_tensor) refuse("its header has {} where none may be", what);
    refuse("tensor {} has {} where none may be", header_.tensors.back().name, what);
  }
  [[noreturn]] void refuse_shape() const {
    refuse("tensor {} has an impossible shape", header_.tensors.back().name);
  }
  bool other_number() const {
    if (place_ == Place::in_shape) refuse_shape();
    unexpected("a number that counts nothing");
  }
  TensorEntry& entry() { return header_.tensors.back(); }

  void start_member(const std::string& name) {
    if (!names_.insert(name).second) refuse("tensor {} is there twice", name);
    if (name == "__metadata__") {
      place_ = Place::metadata_name;
      return;
    }
    header_.tensors.push_back({.name = name});
    fields_.clear();
    offsets_ = 0;
    place_ = Place::name;
  }

  void start_field(const std::string& field) {
    if (!fields_.insert(field).second) refuse("tensor {} has {} twice", entry().name, field);
    if (field == "dtype") {
      place_ = Place::dtype;
    } else if (field == "shape") {
      place_ = Place::shape;
    } else if (field == "data_offsets") {
      place_ = Place::offsets;
    } else {
      refuse("tensor {} has the unknown key {}", entry().name, field);
    }
  }

  TensorType type_of(const std::string& word) const {
    if (word == "F32") return TensorType::f32;
    if (word == "BF16") return TensorType::bf16;
    if (word == "F16") return TensorType::f16;
    refuse("tensor {} is of type {}, supported: F32, BF16, F16", header_.tensors.back().name, word);
  }

  const std::string& file_;
  Place place_ = Place::start;
  SafetensorsHeader header_;
  std::unordered_set<std::string> names_;
  std::set<std::string> metadata_keys_;
  std::set<std::string> fields_;  // of the tensor under way
  int offsets_ = 0;
};

// Error(data) where the shape overflows or does not fit the offsets. A size of 0 does not hide the
// others: what is made of the shape multiplies them too.
void check_bytes(const TensorEntry& entry, const std::string& file) {
  std::uint64_t bytes = bytes_of_element(entry.type);
  bool is_empty = false;
  for (const std::int64_t size : entry.shape) {
    is_empty = is_empty || size == 0;
    const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1));
    if (__builtin_mul_overflow(bytes, factor, &bytes) ||
        bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      data_error("{}: tensor {} has an impossible shape", file, entry.name);
    }
  }
  if (entry.begin > entry.end || entry.end - entry.begin != (is_empty ? 0 : bytes)) {
    data_error("{}: tensor {} does not lie in the file as its shape says", file, entry.name);
  }
}

// Error(data) unless the tensors fill the data from first to last byte, each byte once.
void check_layout(const std::vector<TensorEntry>& tensors, std::uint64_t data_bytes,
                  const std::string& file) {
  std::vector<const TensorEntry*> sorted;
  for (const TensorEntry& entry : tensors) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t place = 0;
  const TensorEntry* before = nullptr;
  for (const TensorEntry* entry : sorted) {
    if (entry->end > data_bytes) {
      data_error("{}: tensor {} does not lie in the file: it ends at byte {} of {}", file,
                 entry->name, entry->end, data_bytes);
    }
    if (entry->begin < place) {
      data_error("{}: tensors {} and {} overlap", file, before->name, entry->name);
    }
    if (entry->begin > place) {
      data_error("{}: {} bytes before tensor {} belong to none", file, entry->begin - place,
                 entry->name);
    }
    place = entry->end;
    before = entry;
  }
  if (place != data_bytes) {
    data_error("{}: the last {} bytes belong to no tensor", file, data_bytes - place);
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t data_bytes,
                                           const std::string& file) {
  // The JSON reader takes a zero byte for the end of the text.
  if (text.find('\0') != text.npos) data_error("{}: its header holds a zero byte", file);
  // And passes over a byte order mark, which Python's `safetensors` does not.
  if (text.starts_with(kByteOrderMark)) {
    data_error("{}: its header is not JSON: a byte order mark stands before it", file);
  }
  HeaderEvents events(file);
  PlainJson::sax_parse(text, &events);
  SafetensorsHeader header = events.take();
  for (const TensorEntry& entry : header.tensors) check_bytes(entry, file);
  check_layout(header.tensors, data_bytes, file);
  return header;
}

}  // namespace tpt::storage
