/* Looks at the packages' own DESCRIPTION files, at those asked for and when they are asked for: so
 * it costs a worker's start nothing, and what was installed since is told as well. */
#include "worker/package_library.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define NAME_MAX_LENGTH 128
#define PATH_SIZE 4096
#define VERSION_SIZE 64
#define DESCRIPTION_LINES_MOST 2000

static bool is_among(char byte, const char *set) {
  return byte != '\0' && strchr(set, byte) != NULL;
}

/* So it is no way out of the library. */
static bool is_name(const char *name, size_t length) {
  if (length == 0 || length > NAME_MAX_LENGTH || !is_among(name[0], LETTERS)) return false;
  for (size_t i = 1; i < length; i++)
    if (!is_among(name[i], LETTERS DIGITS ".")) return false;
  return true;
}

/* "Version: 1.2-3" */
static bool take_version(const char *line, char version[VERSION_SIZE]) {
  if (strncmp(line, "Version:", 8) != 0) return false;
  line += 8 + strspn(line + 8, " \t");
  size_t length = strspn(line, DIGITS ".-");
  if (length == 0 || length >= VERSION_SIZE ||
      strspn(line + length, " \t\r\n") != strlen(line + length))
    return false;
  memcpy(version, line, length);
  version[length] = '\0';
  return true;
}

static bool read_version(const char *path, char version[VERSION_SIZE]) {
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
static void find(const char *libraries, const char *name, size_t length,
                 char version[VERSION_SIZE]) {
  char path[PATH_SIZE];
  version[0] = '\0';
  for (const char *at = libraries; at != NULL && *at != '\0';) {
    size_t folder = strcspn(at, "\n");
    int used =
        snprintf(path, sizeof path, "%.*s/%.*s/DESCRIPTION", (int)folder, at, (int)length, name);
    if (folder > 0 && folder < sizeof path && used < (int)sizeof path &&
        read_version(path, version))
      return;
    at += folder + (at[folder] == '\n');
  }
}

static int answer_one(const char *libraries, const char *name, size_t length, bool first,
                      struct p2p_buf *out) {
  char version[VERSION_SIZE];
  if (!is_name(name, length)) return P2P_ERR_PARSE;
  find(libraries, name, length, version);
  int code = first ? P2P_OK : p2p_buf_put(out, ";", 1);
  if (code == P2P_OK) code = p2p_buf_put(out, name, length);
  if (code == P2P_OK) code = p2p_buf_put(out, "=", 1);
  return code == P2P_OK ? p2p_buf_put(out, version, strlen(version)) : code;
}

int p2p_package_library_answer(const char *libraries, const void *question, size_t length,
                               struct p2p_buf *out) {
  const char *at = question, *end = at + length;
  for (size_t count = 0; length > 0; count++) {
    const char *stop = memchr(at, ';', (size_t)(end - at));
    size_t name_length = (size_t)((stop != NULL ? stop : end) - at);
    if (count == P2P_PACKAGES_MAX) return P2P_ERR_TOO_LARGE;
    int code = answer_one(libraries, at, name_length, count == 0, out);
    if (code != P2P_OK || stop == NULL) return code;
    at = stop + 1;
  }
  return P2P_OK;
}
