# Where each library comes from. scripts/setup puts wheels and llama.cpp under TPT_CACHE and writes the folders into
# libraries.cmake there; a copy that the system or CMAKE_PREFIX_PATH offers goes first.
if(NOT DEFINED TPT_CACHE)
  if(DEFINED ENV{TPT_CACHE})
    set(TPT_CACHE $ENV{TPT_CACHE})
  else()
    set(TPT_CACHE $ENV{HOME}/.cache/tpt)
  endif()
endif()
if(EXISTS ${TPT_CACHE}/libraries.cmake)
  include(${TPT_CACHE}/libraries.cmake)
elseif(NOT TPT_TRAINER_ONLY)
  message(FATAL_ERROR "${TPT_CACHE}/libraries.cmake is missing: run 'make setup' once, or set TPT_CACHE")
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

# What only the whole program needs.
if(NOT TPT_TRAINER_ONLY)
  include(WholeProgram)
endif()

if(NOT TPT_TORCH_FREE)
  list(APPEND CMAKE_PREFIX_PATH ${TPT_TORCH_PREFIX})
  find_package(Torch REQUIRED)
  # The wheel brings headers of a newer fmt that hide the system's, but not its library.
  set_property(TARGET torch APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY=1)
  # at::parallel_for is a template: without OpenMP in the flags of our code it runs on one thread, in silence.
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  set_property(TARGET torch APPEND PROPERTY INTERFACE_COMPILE_OPTIONS $<$<COMPILE_LANGUAGE:CXX>:${OpenMP_CXX_FLAGS}>)
  set_property(TARGET torch APPEND PROPERTY INTERFACE_LINK_LIBRARIES OpenMP::OpenMP_CXX)
  # The wheel's own flags carry -D_GLIBCXX_USE_CXX11_ABI=1 only, which is the default here.
endif()

if(TPT_BUILD_TESTS)
  find_package(GTest REQUIRED)
  enable_testing()
endif()
