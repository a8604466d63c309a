#include "report/number_text.h"
#include "report/sections.h"

namespace tpt::report {
namespace {

std::string value_text(const Json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_array()) {
    std::string text;
    for (const Json& item : value) {
      text += (text.empty() ? "" : ", ") + value_text(item);
    }
    return text;
  }
  return value.is_null() ? "–" : dump_json(value);
}

// Objects inside objects become "outer.inner" rows.
void add_rows(Table& table, const std::string& prefix, const Json& values) {
  for (const auto& [name, value] : values.items()) {
    if (value.is_object()) {
      add_rows(table, prefix + name + ".", value);
    } else {
      table.row({prefix + name, std::string(cut_text(value_text(value), 2000))});
    }
  }
}

Html settings_table(const Settings& settings) {
  Table table(settings.title, {"setting", "value"});
  if (settings.values.is_object()) {
    add_rows(table, "", settings.values);
  }
  return table.empty() ? Html() : table.html();
}

}  // namespace

Html again_section(const Page& page) {
  Html html;
  html << "<section class=\"again\">\n<h2>To do it again</h2>\n"_html;
  if (!page.commands.empty()) {
    html << "<pre class=\"commands\" tabindex=\"0\">"_html;
    for (const std::string& command : page.commands) {
      html << command << "\n"_html;
    }
    html << "</pre>\n"_html;
  }
  if (!page.seeds.empty()) {
    html << "<h3>Seeds</h3>\n<div class=\"settings\">"_html;
    for (const Settings& seeds : page.seeds) {
      html << settings_table(seeds);
    }
    html << "</div>\n"_html;
  }
  for (const Flow& flow : page.flows) {
    if (!flow.settings.empty()) {
      html << "<details><summary>Every setting of: "_html << flow.title
           << "</summary>\n<div class=\"settings\">"_html;
      for (const Settings& settings : flow.settings) {
        html << settings_table(settings);
      }
      html << "</div></details>\n"_html;
    }
  }
  return html << "</section>\n"_html;
}

}  // namespace tpt::report
