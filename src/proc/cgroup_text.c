/* Lines of /proc/PID/cgroup and of the files of a group, see
 * Documentation/admin-guide/cgroup-v2.rst of Linux. Each ends with a newline, so that one that was
 * cut is not read. */
#include "proc/cgroup_text.h"

#include <string.h>

#define DIGITS_MAX 19 /* so that the number fits into 64 bits */

/* Takes the next whole line. NULL: no more lines. */
static const char *next_line(const char **at, const char *end, size_t *length) {
  const char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
  if (newline == NULL) return NULL;
  *length = (size_t)(newline - line);
  *at = newline + 1;
  return line;
}

static bool starts_with(const char *line, size_t length, const char *start) {
  return length >= strlen(start) && memcmp(line, start, strlen(start)) == 0;
}

/* Absolute, and without "..". */
static bool is_path(const char *path) {
  if (path[0] != '/') return false;
  for (const char *up = path; (up = strstr(up, "/..")) != NULL; up++)
    if (up[3] == '/' || up[3] == '\0') return false;
  return true;
}

bool p2p_cgroup_text_path(const char *bytes, size_t length, char out[static P2P_CGROUP_PATH_MAX]) {
  const char *at = bytes, *line;
  size_t size;
  while ((line = next_line(&at, bytes + length, &size)) != NULL) {
    if (!starts_with(line, size, "0::")) continue;
    size -= 3;
    if (size >= P2P_CGROUP_PATH_MAX || memchr(line + 3, '\0', size) != NULL) return false;
    memcpy(out, line + 3, size);
    out[size] = '\0';
    return is_path(out);
  }
  return false;
}

bool p2p_cgroup_text_number(const char *bytes, size_t length, const char *name, uint64_t *out) {
  const char *at = bytes, *line;
  size_t size, used = strlen(name) + 1;
  while ((line = next_line(&at, bytes + length, &size)) != NULL) {
    if (!starts_with(line, size, name) || size <= used || line[used - 1] != ' ') continue;
    uint64_t number = 0;
    size_t i = used;
    for (; i < size && line[i] >= '0' && line[i] <= '9' && i < used + DIGITS_MAX; i++)
      number = 10 * number + (uint64_t)(line[i] - '0');
    if (i < size) return false;
    *out = number;
    return true;
  }
  return false;
}

bool p2p_cgroup_text_has(const char *bytes, size_t length, const char *word) {
  const char *at = bytes, *line;
  size_t size, wanted = strlen(word);
  if ((line = next_line(&at, bytes + length, &size)) == NULL) return false;
  for (size_t start = 0, end; start < size; start = end + 1) {
    for (end = start; end < size && line[end] != ' ';) end++;
    if (end - start == wanted && memcmp(line + start, word, wanted) == 0) return true;
  }
  return false;
}
