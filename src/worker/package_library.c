/* Looks at the packages' own DESCRIPTION files, at those asked for and when they are asked for: so
 * it costs a worker's start nothing, and what was installed since is told as well. */
#include "worker/package_library.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 4096
#define DESCRIPTION_LINES_MOST 2000

/* "Version: 1.2-3" */
static bool take_version(const char *line, char version[P2P_PACKAGE_VERSION_MAX]) {
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

static bool read_version(const char *path, char version[P2P_PACKAGE_VERSION_MAX]) {
  char line[512];
  bool found = false, is_begin = true;
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  for (int i = 0; !found && i < DESCRIPTION_LINES_MOST && fgets(line, sizeof line, file) != NULL;
       i++) {
    found = is_begin && take_version(line, version);
    is_begin = strchr(line, '\n') != NULL;
  }
  fclose(file);
  return found;
}

/* "" when it is in none. */
static void find(const char *libraries, const char *name, char version[P2P_PACKAGE_VERSION_MAX]) {
  char path[PATH_SIZE];
  version[0] = '\0';
  for (const char *at = libraries; at != NULL && *at != '\0';) {
    size_t folder = strcspn(at, "\n");
    int used = snprintf(path, sizeof path, "%.*s/%s/DESCRIPTION", (int)folder, at, name);
    if (folder > 0 && folder < sizeof path && used < (int)sizeof path &&
        read_version(path, version))
      return;
    at += folder + (at[folder] == '\n');
  }
}

int p2p_package_library_answer(const char *libraries, const void *question, size_t length,
                               struct p2p_buf *out) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  int code;
  p2p_package_reader_init(&reader, question, length);
  while ((code = p2p_package_request_next(&reader, &package)) > 0) {
    find(libraries, package.name, package.version);
    code = p2p_package_reply_put(out, package.name, package.version);
    if (code != P2P_OK) break;
  }
  return code;
}
