/* The version of libssh. */
#include "board/ssh_library.h"

#include <libssh/libssh.h>
#include <stdio.h>
#include <string.h>

#define TEXT(x) #x
#define NUMBERS(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

void p2p_ssh_library_version(struct p2p_library *out) {
  const char *text = ssh_version(0); /* "0.10.6/openssl/zlib" */
  *out = (struct p2p_library){
      .name = "libssh",
      .built = NUMBERS(LIBSSH_VERSION_MAJOR, LIBSSH_VERSION_MINOR, LIBSSH_VERSION_MICRO)};
  if (text != NULL)
    snprintf(out->running, sizeof out->running, "%.*s", (int)strcspn(text, "/"), text);
}
