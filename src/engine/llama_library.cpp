#include "engine/llama_library.h"

#include "base/error.h"
#include "base/log.h"

#include <llama.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <mutex>
#include <unistd.h>

namespace tpt::engine {

namespace {

// The complaints of llama.cpp while a thread loads a model, to say why it failed.
thread_local std::string load_complaint;

void take_log(ggml_log_level level, const char* text, void* /*unused*/) {
  std::string line(text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) {
    line.pop_back();
  }
  if (line.empty() || line == ".") {
    return;
  }
  if (level == GGML_LOG_LEVEL_ERROR && load_complaint.size() < 500) {
    load_complaint += (load_complaint.empty() ? "" : "; ") + line;
  }
  log_message(LogLevel::debug, "llama.cpp: " + line);
}

void start_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(take_log, nullptr);
    llama_backend_init();
  });
}

// Says early and plainly what is wrong with the path; llama.cpp would only say that it failed.
void check_file(const std::string& path) {
  std::error_code code;
  if (path.empty()) {
    user_error("llama: no model given; name a GGUF file, as in llama:model.gguf");
  }
  if (!std::filesystem::exists(path, code)) {
    user_error("llama: {}: no such file; give the path of a GGUF model", path);
  }
  if (!std::filesystem::is_regular_file(path, code)) {
    user_error("llama: {}: not a file; give the path of a GGUF model", path);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    user_error("llama: {}: cannot be read", path);
  }
  std::array<char, 4> magic{};
  file.read(magic.data(), magic.size());
  if (file.gcount() != 4 || std::string_view(magic.data(), 4) != "GGUF") {
    data_error("llama: {}: not a GGUF model (it does not start with 'GGUF')", path);
  }
}

// A file that is gone with this object; who has it mapped keeps its content.
struct TemporaryFile {
  std::string path;
  TemporaryFile() : path((std::filesystem::temp_directory_path() / "tpt-weights-XXXXXX").string()) {
    const int file = mkstemp(path.data());
    if (file < 0) {
      io_error("llama: cannot make {}: {}", path, std::strerror(errno));
    }
    close(file);
  }
  ~TemporaryFile() { unlink(path.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
};

llama_model* load_as_eight_bits(const std::string& path, const llama_model_params& params) {
  const TemporaryFile copy;
  llama_model_quantize_params encoding = llama_model_quantize_default_params();
  encoding.ftype = LLAMA_FTYPE_MOSTLY_Q8_0;
  encoding.allow_requantize = true;
  encoding.pure = true;
  if (llama_model_quantize(path.c_str(), copy.path.c_str(), &encoding) != 0) {
    data_error("llama: {}: cannot be re-encoded as Q8_0 in {}: {}", path, copy.path,
               load_complaint.empty() ? "no reason given" : load_complaint);
  }
  return llama_model_load_from_file(copy.path.c_str(), params);
}

}  // namespace

struct LlamaModel::Handle {
  llama_model* model = nullptr;
  const llama_vocab* vocab = nullptr;
  ~Handle() { llama_model_free(model); }
};

LlamaModel::LlamaModel(const std::string& path, std::int64_t gpu_layers, bool eight_bit_weights)
    : handle_(std::make_unique<Handle>()) {
  start_library();
  check_file(path);
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = static_cast<std::int32_t>(gpu_layers);
  load_complaint.clear();
  handle_->model = eight_bit_weights ? load_as_eight_bits(path, params)
                                     : llama_model_load_from_file(path.c_str(), params);
  if (handle_->model == nullptr) {
    data_error("llama: {}: llama.cpp cannot load it: {}", path,
               load_complaint.empty() ? "no reason given" : load_complaint);
  }
  if (!llama_model_has_decoder(handle_->model) || llama_model_has_encoder(handle_->model)) {
    user_error("llama: {}: not a decoder-only language model", path);
  }
  handle_->vocab = llama_model_get_vocab(handle_->model);
  for (Token token = 0; token < vocabulary(); ++token) {
    longest_piece_ = std::max(longest_piece_, piece(token, true).size());
  }
}

LlamaModel::~LlamaModel() = default;

std::vector<Token> LlamaModel::tokenize(std::string_view text, bool special) const {
  if (text.size() > std::numeric_limits<std::int32_t>::max() / 2) {
    user_error("llama: a text of {} bytes; at most {} can be tokenised", text.size(),
               std::numeric_limits<std::int32_t>::max() / 2);
  }
  std::vector<Token> tokens(text.size() / 2 + 16);
  const auto size = static_cast<std::int32_t>(text.size());
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::int32_t found =
        llama_tokenize(handle_->vocab, text.data(), size, tokens.data(),
                       static_cast<std::int32_t>(tokens.size()), false, special);
    if (found >= 0) {
      tokens.resize(static_cast<std::size_t>(found));
      return tokens;
    }
    TPT_CHECK(found != std::numeric_limits<std::int32_t>::min());
    tokens.resize(static_cast<std::size_t>(-found));
  }
  TPT_CHECK(false, "llama_tokenize asked for more room twice");
  return {};
}

std::string LlamaModel::piece(Token token, bool special) const {
  std::string text(32, '\0');
  std::int32_t size = llama_token_to_piece(handle_->vocab, token, text.data(),
                                           static_cast<std::int32_t>(text.size()), 0, special);
  if (size < 0) {
    text.resize(static_cast<std::size_t>(-size));
    size = llama_token_to_piece(handle_->vocab, token, text.data(),
                                static_cast<std::int32_t>(text.size()), 0, special);
  }
  text.resize(static_cast<std::size_t>(std::max(size, 0)));
  return text;
}

bool LlamaModel::ends_generation(Token token) const {
  return llama_vocab_is_eog(handle_->vocab, token);
}

bool LlamaModel::is_special(Token token) const {
  const auto kind = static_cast<unsigned>(llama_vocab_get_attr(handle_->vocab, token));
  return (kind & (static_cast<unsigned>(LLAMA_TOKEN_ATTR_CONTROL) |
                  static_cast<unsigned>(LLAMA_TOKEN_ATTR_USER_DEFINED))) != 0;
}

std::optional<Token> LlamaModel::start_token() const {
  const Token token = llama_vocab_bos(handle_->vocab);
  if (!llama_vocab_get_add_bos(handle_->vocab) || token == LLAMA_TOKEN_NULL) {
    return std::nullopt;
  }
  return token;
}

std::int64_t LlamaModel::vocabulary() const { return llama_vocab_n_tokens(handle_->vocab); }

std::int64_t LlamaModel::trained_context() const { return llama_model_n_ctx_train(handle_->model); }

std::string LlamaModel::chat_template() const {
  const char* source = llama_model_chat_template(handle_->model, nullptr);
  return source == nullptr ? "" : source;
}

std::optional<std::string> LlamaModel::render_chat(const std::string& system,
                                                   const std::string& user) const {
  const char* source = llama_model_chat_template(handle_->model, nullptr);
  if (source == nullptr) {
    return std::nullopt;
  }
  std::vector<llama_chat_message> turns;
  if (!system.empty()) {
    turns.push_back({"system", system.c_str()});
  }
  turns.push_back({"user", user.c_str()});
  std::string text(2 * (system.size() + user.size()) + 1024, '\0');
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::int32_t size =
        llama_chat_apply_template(source, turns.data(), turns.size(), true, text.data(),
                                  static_cast<std::int32_t>(text.size()));
    if (size < 0) {
      return std::nullopt;
    }
    const bool fits = static_cast<std::size_t>(size) <= text.size();
    text.resize(static_cast<std::size_t>(size));
    if (fits) {
      return text;
    }
  }
  return std::nullopt;
}

struct LlamaContext::Handle {
  llama_context* context = nullptr;
  llama_batch batch{};
  std::int64_t capacity = 0;
  std::size_t vocabulary = 0;
  ~Handle() {
    llama_batch_free(batch);
    llama_free(context);
  }
  llama_memory_t memory() const { return llama_get_memory(context); }
};

LlamaContext::LlamaContext(const LlamaModel& model, const Options& options,
                           const std::atomic<bool>& abort)
    : handle_(std::make_unique<Handle>()) {
  llama_context_params params = llama_context_default_params();
  params.n_seq_max = static_cast<std::uint32_t>(options.sequences);
  params.n_ctx = static_cast<std::uint32_t>(options.sequences * options.tokens_of_sequence);
  params.n_batch = static_cast<std::uint32_t>(options.batch_tokens);
  params.n_ubatch = params.n_batch;
  params.n_threads = static_cast<std::int32_t>(options.threads);
  params.n_threads_batch = params.n_threads;
  params.no_perf = true;
  // With one buffer for all, each sequence's attention would walk over every other's tokens.
  params.kv_unified = false;
  if (options.float_cache) {
    params.type_k = GGML_TYPE_F32;
    params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  }
  params.abort_callback = [](void* data) {
    return static_cast<const std::atomic<bool>*>(data)->load(std::memory_order_relaxed);
  };
  params.abort_callback_data = const_cast<std::atomic<bool>*>(&abort);
  load_complaint.clear();
  handle_->context = llama_init_from_model(model.handle_->model, params);
  if (handle_->context == nullptr) {
    user_error("llama: cannot make a context of {} sequences of {} tokens: {}; ask for less",
               options.sequences, options.tokens_of_sequence, load_complaint);
  }
  handle_->batch = llama_batch_init(static_cast<std::int32_t>(options.batch_tokens), 0, 1);
  handle_->capacity = options.batch_tokens;
  handle_->vocabulary = static_cast<std::size_t>(model.vocabulary());
}

LlamaContext::~LlamaContext() = default;

void LlamaContext::clear_batch() { handle_->batch.n_tokens = 0; }

std::int64_t LlamaContext::add(Token token, std::int64_t position, std::int64_t sequence,
                               bool wants_logits) {
  llama_batch& batch = handle_->batch;
  TPT_CHECK(batch.n_tokens < handle_->capacity);
  const std::int32_t index = batch.n_tokens++;
  batch.token[index] = token;
  batch.pos[index] = static_cast<llama_pos>(position);
  batch.n_seq_id[index] = 1;
  batch.seq_id[index][0] = static_cast<llama_seq_id>(sequence);
  batch.logits[index] = wants_logits ? 1 : 0;
  return index;
}

LlamaContext::Outcome LlamaContext::decode() {
  const std::int32_t code = llama_decode(handle_->context, handle_->batch);
  if (code == 0) {
    llama_synchronize(handle_->context);
    return Outcome::done;
  }
  return code == 2 ? Outcome::aborted : Outcome::failed;
}

std::span<const float> LlamaContext::logits(std::int64_t index) const {
  const float* row = llama_get_logits_ith(handle_->context, static_cast<std::int32_t>(index));
  TPT_CHECK(row != nullptr);
  return {row, handle_->vocabulary};
}

bool LlamaContext::forget(std::int64_t sequence, std::int64_t from) {
  const auto id = static_cast<llama_seq_id>(sequence);
  if (llama_memory_seq_rm(handle_->memory(), id, static_cast<llama_pos>(from), -1)) {
    return true;
  }
  llama_memory_seq_rm(handle_->memory(), id, -1, -1);
  return from == 0;
}

void LlamaContext::move(std::int64_t from, std::int64_t to) {
  llama_memory_seq_cp(handle_->memory(), static_cast<llama_seq_id>(from),
                      static_cast<llama_seq_id>(to), -1, -1);
  llama_memory_seq_rm(handle_->memory(), static_cast<llama_seq_id>(from), -1, -1);
}

}  // namespace tpt::engine
