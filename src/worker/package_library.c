/* Reads the DESCRIPTION file of each requested package on each request: starting a worker needs no
 * scan of the libraries, and packages that are installed later are found. */
#include "worker/package_library.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096
#define DESCRIPTION_LINES_MAX 2000

/* Parses "Version: 1.2-3". */
static bool parse_version(const char *line, char version[P2P_PACKAGE_VERSION_MAX]) {
  if (strncmp(line, "Version:", 8) != 0) return false;
  line += 8 + strspn(line + 8, " \t");
  size_t length = strspn(line, "0123456789.-");
  if (length == 0 || length >= P2P_PACKAGE_VERSION_MAX ||
      strspn(line + length, " \t\r\n") != strlen(line + length))
    return false;
  memcpy(version, line, length);
  version[length] = '\0';
  return true;
}

/* Regular files only: a FIFO would block until somebody writes to it. */
static FILE *open_regular(const char *path) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return NULL;
  FILE *file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
  if (file == NULL) close(fd);
  return file;
}

static bool read_version(const char *path, char version[P2P_PACKAGE_VERSION_MAX]) {
  char line[512];
  bool found = false, at_line_start = true;
  FILE *file = open_regular(path);
  if (file == NULL) return false;
  for (int i = 0; !found && i < DESCRIPTION_LINES_MAX && fgets(line, sizeof line, file) != NULL;
       i++) {
    found = at_line_start && parse_version(line, version);
    at_line_start = strchr(line, '\n') != NULL;
  }
  fclose(file);
  return found;
}

/* Writes the version in the first library that has the package, or "". */
static void find_version(const char *libraries, const char *name,
                         char version[P2P_PACKAGE_VERSION_MAX]) {
  char path[PATH_SIZE];
  version[0] = '\0';
  for (const char *at = libraries; at != NULL && *at != '\0';) {
    size_t folder = strcspn(at, "\n");
    if (folder > 0 && folder < sizeof path) {
      int used = snprintf(path, sizeof path, "%.*s/%s/DESCRIPTION", (int)folder, at, name);
      if (used < (int)sizeof path && read_version(path, version)) return;
    }
    at += folder + (at[folder] == '\n');
  }
}

int p2p_package_library_reply(const char *libraries, const void *request, size_t length,
                              struct p2p_buf *out) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  int code;
  p2p_package_reader_init(&reader, request, length);
  while ((code = p2p_package_request_next(&reader, &package)) > 0) {
    find_version(libraries, package.name, package.version);
    code = p2p_package_reply_put(out, package.name, package.version);
    if (code != P2P_OK) break;
  }
  return code;
}
