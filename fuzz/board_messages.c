/* The messages of the board: one line into every reader. What a reader accepts, its writer writes,
 * and the reader reads the same again. */
#include <string.h>

#include "crypto/random.h"
#include "fuzz.h"
#include "protocol/accept.h"
#include "protocol/access_line.h"
#include "protocol/hello_line.h"
#include "protocol/here.h"
#include "protocol/leave.h"

#define NOW 1795000000

static struct p2p_line again;

static bool is_same(const struct p2p_identity *a, const struct p2p_identity *b) {
  return strcmp(a->id, b->id) == 0 && strcmp(a->name, b->name) == 0;
}

static void check_hello(const struct p2p_line *line) {
  struct p2p_hello_line hello, copy;
  if (p2p_hello_line_read(line, &hello) != P2P_OK) return;
  if (p2p_hello_line_write(&again, &hello, NOW) != P2P_OK) __builtin_trap();
  if (p2p_hello_line_read(&again, &copy) != P2P_OK) __builtin_trap();
  if (copy.role != hello.role || copy.slots != hello.slots || !is_same(&copy.from, &hello.from) ||
      strcmp(copy.id, hello.id) != 0 || strcmp(copy.r_version, hello.r_version) != 0 ||
      strcmp(copy.future_version, hello.future_version) != 0 ||
      memcmp(&copy.key, &hello.key, sizeof copy.key) != 0 ||
      strcmp(copy.machine.platform, hello.machine.platform) != 0 ||
      copy.machine.cores != hello.machine.cores ||
      copy.machine.memory_mib != hello.machine.memory_mib || copy.busy != hello.busy ||
      copy.waiting != hello.waiting)
    __builtin_trap();
}

static void check_here(const struct p2p_line *line) {
  struct p2p_here here, copy;
  if (p2p_here_read(line, &here) != P2P_OK) return;
  if (p2p_here_write(&again, &here, NOW) != P2P_OK || p2p_here_read(&again, &copy) != P2P_OK)
    __builtin_trap();
  if (copy.role != here.role || !is_same(&copy.from, &here.from) || copy.up_s != here.up_s ||
      copy.busy != here.busy || strcmp(copy.users, here.users) != 0 || copy.load != here.load ||
      copy.free_mib != here.free_mib)
    __builtin_trap();
}

static void check_leave(const struct p2p_line *line) {
  struct p2p_identity from, copy;
  if (p2p_leave_read(line, &from) != P2P_OK) return;
  if (p2p_leave_write(&again, &from, NOW) != P2P_OK || p2p_leave_read(&again, &copy) != P2P_OK ||
      !is_same(&from, &copy))
    __builtin_trap();
}

static void check_access(const struct p2p_line *line) {
  struct p2p_access_line access, copy;
  if (p2p_access_line_read(line, &access) != P2P_OK) return;
  int code = p2p_access_line_write(&again, &access, NOW);
  if (code == P2P_ERR_TOO_LARGE) return; /* a line with a shorter `when` holds more */
  if (code != P2P_OK || p2p_access_line_read(&again, &copy) != P2P_OK) __builtin_trap();
  if (copy.owner_length != access.owner_length || copy.n_users != access.n_users ||
      strcmp(copy.users, access.users) != 0)
    __builtin_trap();
}

static void check_accept(const struct p2p_line *line) {
  static struct p2p_seal_public public_key;
  static struct p2p_seal_secret secret_key;
  static bool has_key;
  struct p2p_accept accept;
  if (!has_key) p2p_seal_keypair(&public_key, &secret_key);
  has_key = true;
  const char *to = p2p_line_get(line, "to");
  int code = p2p_accept_read(line, to != NULL ? to : "", &public_key, &secret_key, &accept);
  if (code == P2P_OK) __builtin_trap(); /* nothing here is sealed to a fresh key */
  struct p2p_identity from;
  const char *hello = p2p_line_get(line, "hello"),
             *code_text = "7-0123456789abcdef0123456789abcdef";
  struct p2p_accept_request request = {.from = &from,
                                       .to = to,
                                       .code = hello == NULL ? code_text : code_text + 2,
                                       .hello = hello,
                                       .key = &public_key};
  if (!p2p_line_sender(line, &from) || to == NULL ||
      p2p_accept_write(&again, &request, NOW) != P2P_OK)
    return;
  if (p2p_accept_read(&again, to, &public_key, &secret_key, &accept) != P2P_OK ||
      !is_same(&accept.client, &from) || strcmp(accept.code, request.code) != 0 ||
      strcmp(accept.hello, hello == NULL ? "" : hello) != 0)
    __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static struct p2p_line line;
  static bool is_ready;
  if (!is_ready && p2p_crypto_init() != P2P_OK) __builtin_trap();
  is_ready = true;
  if (p2p_line_parse((const char *)bytes, length, &line) != P2P_OK) return 0;
  check_hello(&line);
  check_here(&line);
  check_leave(&line);
  check_access(&line);
  check_accept(&line);
  return 0;
}
