# Loops that the compiler is to turn into vector instructions; they include nothing of torch. The decoder's sums keep
# their order: a text must not depend on what else is in the batch.
set_source_files_properties(src/model/decoder_rows.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON
                            COMPILE_OPTIONS "-O3;-fno-trapping-math;-fno-math-errno")
set_source_files_properties(src/model/fused_rows.cpp src/model/attention_rows.cpp
                            src/model/bf16_pairs.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS
                            "-O3;-fno-trapping-math;-fno-math-errno;-fassociative-math;-fno-signed-zeros")
# Chosen at run time (model/tile_product.h). Multiplications may be joined with additions, as in a GEMM.
set_source_files_properties(src/model/tile_product.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS "-O3")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(src/model/tile_product_avx2.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON
                              COMPILE_OPTIONS "-O3;-mavx2;-mfma")
  set_source_files_properties(src/model/tile_product_avx512.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON
                              COMPILE_OPTIONS "-O3;-mavx512f;-mfma")
  set_source_files_properties(src/model/pair_product_avx512.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON
                              COMPILE_OPTIONS "-O3;-mavx512f;-mfma;-mavx512bf16")
endif()
