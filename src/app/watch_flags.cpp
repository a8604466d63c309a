#include "app/watch_flags.h"

namespace tpt::app {

void add_watch_flags(CommandLine& line, AugmentOptions& options) {
  options.watch = true;
  options.build.version = TPT_VERSION;
  line.text("metrics", options.metrics, "serve Prometheus metrics at HOST:PORT or :PORT");
  line.text("card-title", options.card.title, "of the dataset card; else the name of what was run");
  line.text("card-licence", options.card.licence, "of the rows; else from their metadata");
  line.text("card-licence-field", options.card.licence_field, "metadata field with the licence");
  line.text("card-domain-field", options.card.domain_field, "metadata field with the domain");
}

}  // namespace tpt::app
