# -DTPT_TRAINER_ONLY=ON: the program that only trains, for machines that do nothing else. Its verbs stand in
# src/app/trainer_only/verb_table.cpp. What would need Arrow, llama.cpp, curl, SQLite or libevent is left out file by file;
# storage refuses S3 by name.
set(TPT_ROOM_ONLY_storage atomic_file.cpp checksum.cpp digests.cpp file_lock.cpp files.cpp manifest.cpp safetensors.cpp
    safetensors_header.cpp local_only/remote_files.cpp)
# A model as an engine to ask is for evaluation.
set(TPT_ROOM_WITHOUT_model model_batch.cpp model_engine.cpp model_scorer.cpp turn_prompt.cpp)
set(TPT_ROOM_ONLY_app main.cpp trainer_only/verb_table.cpp train_verb.cpp train_step.cpp model_shape.cpp training_folder.cpp
    stage.cpp plan_train_verb.cpp train_plan.cpp replay_step_verb.cpp verify_resume_verb.cpp child_process.cpp
    selftest_verb.cpp export_verb.cpp command_line.cpp recipe_keys.cpp stop_signal.cpp terminal_progress.cpp)

tpt_room(base     LIBS fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json tomlplusplus::tomlplusplus OpenSSL::Crypto)
tpt_room(records  ROOMS base)
tpt_room(storage  ROOMS base records)
tpt_room(tokenize ROOMS base storage LIBS PkgConfig::PCRE2 PkgConfig::UTF8PROC)
tpt_room(pack     ROOMS base storage records tokenize LIBS Threads::Threads)
tpt_room(model    ROOMS base storage tokenize LIBS ${TORCH_LIBRARIES} TORCH)
tpt_room(train    ROOMS base storage records tokenize pack model LIBS ${TORCH_LIBRARIES} TORCH)
tpt_gpu(tpt_model tpt_train)
tpt_program(tpt app ROOMS base storage pack model train LIBS CLI11::CLI11 Threads::Threads)
target_compile_definitions(tpt PRIVATE TPT_VERSION="${PROJECT_VERSION}")
if(TPT_BUILD_TESTS)
  tpt_flow_test(tpt trainer_only/trainer_test.cpp program.cpp)
endif()
