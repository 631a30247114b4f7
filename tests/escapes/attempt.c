/* One attempt to leave a sandbox, made by a future:
 *
 *   attempt NAME [MARK]
 *
 * It prints what it has got hold of, and never whether it succeeded: that is for those outside to
 * see, by a secret that only the lender knows, or by what has changed there. Some attempts hold
 * what they have got until a file says that it was seen. */
#include "fact.h"

struct attempt {
  const char *name;
  void (*run)(void);
};
#define ATTEMPT(name) \
  { #name, name }

static const char *attempt_name;

/* As text. */
static void show(const void *bytes, ssize_t length) {
  const unsigned char *byte = bytes;
  for (ssize_t i = 0; i < length; i++) putchar(byte[i] < ' ' || byte[i] > '~' ? '\n' : byte[i]);
}

static void print_file(int fd) {
  char text[512];
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
  if (length > 0) show(text, length);
}

static bool is_released(void) { return access(path_in(fact("DROP"), "release"), F_OK) == 0; }

/* For at most a minute. */
static void hold(void) {
  close(open(path_in(fact("DROP"), attempt_name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  for (int i = 0; i < 3000 && !is_released(); i++) sleep_ms(20);
}

#include "files.h"
#include "kernel.h"
#include "processes.h"
#include "resources.h"
#include "sockets.h"

static bool run(const struct attempt *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(list[i].name, attempt_name) != 0) continue;
    list[i].run();
    fflush(stdout);
    return true;
  }
  return false;
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  attempt_name = argv[1];
  bool known = run(on_files, COUNT(on_files)) || run(on_processes, COUNT(on_processes)) ||
               run(on_sockets, COUNT(on_sockets)) || run(on_kernel, COUNT(on_kernel)) ||
               run(on_resources, COUNT(on_resources));
  return known ? 0 : 2;
}
