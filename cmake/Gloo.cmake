# c10d's header of Gloo includes five others, which the wheel leaves out: one file declares what it names.
foreach(name algorithm common/error rendezvous/store transport/device)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/gloo/gloo/${name}.h CONTENT "#include <gloo/context.h>\n")
endforeach()
set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/train/ranks.cpp APPEND PROPERTY
  INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/cmake/gloo ${CMAKE_BINARY_DIR}/gloo)
