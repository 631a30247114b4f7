/* PACKAGES requests and replies. What a reader accepts whole is written back byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/package_list.h"

static void check(const uint8_t *bytes, size_t length, bool is_reply) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  struct p2p_buf out;
  int code;
  p2p_buf_init(&out, length + 1);
  p2p_package_reader_init(&reader, bytes, length);
  while ((code = is_reply ? p2p_package_reply_next(&reader, &package)
                          : p2p_package_request_next(&reader, &package)) == 1) {
    if (!p2p_package_name_is_valid(package.name, strlen(package.name))) __builtin_trap();
    if ((is_reply ? p2p_package_reply_put(&out, package.name, package.version)
                  : p2p_package_request_put(&out, package.name)) != P2P_OK)
      __builtin_trap();
  }
  if (code != 0 && code != P2P_ERR_PARSE && code != P2P_ERR_TOO_LARGE) __builtin_trap();
  if (code == 0 && (p2p_buf_len(&out) != length ||
                    (length > 0 && memcmp(p2p_buf_data(&out), bytes, length) != 0)))
    __builtin_trap();
  p2p_buf_clear(&out);
}

/* A valid list is a valid request. */
static void check_list(const uint8_t *bytes, size_t length) {
  char *list = malloc(length + 1), name[P2P_PACKAGE_NAME_MAX];
  memcpy(list, bytes, length);
  list[length] = '\0';
  bool is_valid = p2p_package_list_is_valid(list);
  const char *at = list;
  while (p2p_package_list_next(&at, name))
    if (is_valid && !p2p_package_name_is_valid(name, strlen(name))) __builtin_trap();
  free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  check(bytes, length, false);
  check(bytes, length, true);
  check_list(bytes, length);
  return 0;
}
