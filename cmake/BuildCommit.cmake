# Writes OUTPUT with the commit the tree stands at, "+" behind it where tracked files differ; untouched where nothing
# changed. Run at every build: cmake -DSOURCE=... -DOUTPUT=... -P cmake/BuildCommit.cmake
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
if(changes)
  string(APPEND commit "+")
endif()
set(text "// Written at every build.\n#pragma once\n\nnamespace tpt::app {\ninline constexpr const char* kBuildCommit = \"${commit}\";\n}\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT before STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
