# Texts come and go on four threads: with glibc's malloc a request costs an eighth more.
function(tpt_allocator program)
  if(NOT TPT_SANITIZE)
    target_sources(${program} PRIVATE ${CMAKE_SOURCE_DIR}/src/app/allocator.cpp)
    target_link_libraries(${program} PRIVATE -Wl,--push-state,--no-as-needed PkgConfig::JEMALLOC -Wl,--pop-state)
  endif()
endfunction()
