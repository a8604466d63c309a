# The libraries that a program which only trains does without.
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET libevent_core>=2.1)
pkg_check_modules(RAPIDJSON REQUIRED IMPORTED_TARGET RapidJSON)
# It then looks at 16 bytes at a time, a few beyond the end among them, which sanitizers refuse.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND NOT TPT_SANITIZE)
  target_compile_definitions(PkgConfig::RAPIDJSON INTERFACE RAPIDJSON_SSE2)
endif()
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)

# Arrow and Parquet: a system copy first, else the libraries inside the pyarrow wheel.
find_package(Arrow QUIET)
find_package(Parquet QUIET)
if(NOT TARGET Arrow::arrow_shared OR NOT TARGET Parquet::parquet_shared)
  # S3 is a library of its own in the wheel, loaded when the first s3:// path is met; a system's Arrow holds it.
  file(GLOB TPT_ARROW_S3 ${TPT_PYARROW_DIR}/libarrow_s3.so.*00)
  cmake_path(GET TPT_ARROW_S3 FILENAME TPT_ARROW_S3)
  foreach(name arrow parquet)
    file(GLOB found ${TPT_PYARROW_DIR}/lib${name}.so.*00)
    if(NOT found)
      message(FATAL_ERROR "no lib${name}.so in ${TPT_PYARROW_DIR}: run 'make setup'")
    endif()
    string(SUBSTRING ${name} 0 1 initial)
    string(TOUPPER ${initial} initial)
    string(SUBSTRING ${name} 1 -1 rest)
    set(target ${initial}${rest}::${name}_shared)
    if(NOT TARGET ${target})
      add_library(${target} SHARED IMPORTED)
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${found}
                            INTERFACE_INCLUDE_DIRECTORIES ${TPT_PYARROW_DIR}/include)
    endif()
  endforeach()
endif()

# llama.cpp: a system copy first, else the one that setup built.
find_package(llama QUIET)
if(NOT llama_FOUND)
  find_package(llama REQUIRED PATHS ${TPT_LLAMA_DIR} NO_DEFAULT_PATH)
endif()
