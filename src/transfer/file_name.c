/* The name of a received file. The sender may be hostile: the file must not leave its directory, be
 * hidden or read by other programs (".Rprofile"), look like an option ("-rf"), or contain terminal
 * escapes. */
#include "transfer/file_name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/sanitize.h"

#define EXTENSION_MAX 16 /* bytes, with the dot */
#define SENT_MAX 1024    /* bytes of a name that are considered */
#define FALLBACK "file"

const char *p2p_file_name_last_part(const char *path) {
  const char *name = path;
  for (const char *c = path; *c != '\0'; c++)
    if (*c == '/' || *c == '\\') name = c + 1;
  return name;
}

/* Removes blanks at both ends and dots at the end, which some file systems drop. */
static void trim(char *name) {
  size_t length = strlen(name), skip = strspn(name, " ");
  while (length > skip && (name[length - 1] == ' ' || name[length - 1] == '.')) length--;
  memmove(name, name + skip, length - skip);
  name[length - skip] = '\0';
}

/* The names of devices on Windows file systems, with any extension. */
static bool is_reserved(const char *name) {
  static const char *const DEVICES[] = {"con", "prn", "aux", "nul", "com", "lpt"};
  size_t length = strcspn(name, ".");
  for (size_t i = 0; i < sizeof DEVICES / sizeof DEVICES[0]; i++) {
    if (strncasecmp(name, DEVICES[i], 3) != 0) continue;
    bool is_numbered = i >= 4;
    if (length == (is_numbered ? 4 : 3) && (!is_numbered || strchr("0123456789", name[3]) != NULL))
      return true;
  }
  return false;
}

size_t p2p_file_name_stem(const char *name) {
  size_t length = strlen(name);
  const char *dot = strrchr(name, '.');
  if (dot == NULL || dot == name || length - (size_t)(dot - name) > EXTENSION_MAX) return length;
  size_t stem = (size_t)(dot - name);
  return stem > 4 && strncmp(dot - 4, ".tar", 4) == 0 ? stem - 4 : stem;
}

/* Cuts the stem between two characters of UTF-8, so that the name has at most `most` bytes. */
static void shorten(char *name, size_t most) {
  size_t length = strlen(name), stem = p2p_file_name_stem(name);
  if (length <= most) return;
  size_t kept = most - (length - stem);
  if (length - stem > most) stem = length, kept = most;
  while (kept > 0 && ((unsigned char)name[kept] & 0xC0) == 0x80) kept--;
  memmove(name + kept, name + stem, length - stem + 1);
}

void p2p_file_name_clean(const char *sent, char out[static P2P_FILE_NAME_MAX]) {
  char name[SENT_MAX + 1] = "_";
  const char *part = p2p_file_name_last_part(sent);
  char *clean = name + 1;
  p2p_sanitize(part, strlen(part), clean, SENT_MAX);
  for (char *c = clean; *c != '\0'; c++)
    if (strchr(":*?\"<>|", *c) != NULL) *c = '_';
  trim(clean);
  if (clean[0] == '\0') memcpy(clean, FALLBACK, sizeof FALLBACK);
  if (strchr(".-~", clean[0]) != NULL) clean[0] = '_';
  if (is_reserved(clean)) clean = name;
  shorten(clean, P2P_FILE_NAME_MAX - 1);
  trim(clean);
  snprintf(out, P2P_FILE_NAME_MAX, "%.*s", P2P_FILE_NAME_MAX - 1, clean);
}
