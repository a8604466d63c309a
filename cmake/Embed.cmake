# tpt_embed(TARGET FOLDER): makes every file under FOLDER part of TARGET's object code. For each file
# the build writes a small source that includes its bytes; embedded.h of the room declares
# `std::span<const EmbeddedFile> embedded_files()`, which lists them by name relative to FOLDER.
function(tpt_embed target folder)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*)
  list(SORT files)
  string(REPLACE tpt_ "" room ${target})
  set(blocks "")
  set(declarations "")
  set(entries "")
  set(paths "")
  foreach(file ${files})
    string(MAKE_C_IDENTIFIER "tpt_${room}_${file}" symbol)
    string(APPEND blocks "    \".global ${symbol}_begin\\n${symbol}_begin:\\n\"\n"
           "    \".incbin \\\"${folder}/${file}\\\"\\n\"\n"
           "    \".global ${symbol}_end\\n${symbol}_end:\\n.byte 0\\n\"\n")
    string(APPEND declarations "extern const char ${symbol}_begin[];\nextern const char ${symbol}_end[];\n")
    string(APPEND entries
           "    {\"${file}\", {${symbol}_begin, static_cast<std::size_t>(${symbol}_end - ${symbol}_begin)}},\n")
    list(APPEND paths ${folder}/${file})
  endforeach()
  set(source ${CMAKE_BINARY_DIR}/embedded/${room}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT "// Written by cmake/Embed.cmake.
#include \"${room}/embedded.h\"

asm(\".pushsection .rodata\\n\"
${blocks}    \".popsection\\n\");

extern \"C\" {
${declarations}}

namespace tpt::${room} {

std::span<const EmbeddedFile> embedded_files() {
  static const EmbeddedFile files[] = {
${entries}  };
  return files;
}

}  // namespace tpt::${room}
")
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${paths}")
  target_sources(${target} PRIVATE ${source})
endfunction()
