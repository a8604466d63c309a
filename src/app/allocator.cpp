// What jemalloc reads when the program starts. By default it gives memory of more than 8 MiB back
// to the system at once, and a training step would have the same pages cleared again and again.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "oversize_threshold:0";
}
