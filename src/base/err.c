/* Errors: a code and a reason for programs, a message for people. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/sanitize.h"

int p2p_err_set(struct p2p_err *err, int code, const char *format, ...) {
  if (err == NULL) return code;
  /* By way of a second field, since err->message may be among the arguments. */
  char message[P2P_ERR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  p2p_vformat(message, sizeof message, format, args);
  va_end(args);
  err->code = code;
  err->reason = NULL;
  memcpy(err->message, message, strlen(message) + 1);
  return code;
}

int p2p_err_because(struct p2p_err *err, const char *reason, int code) {
  if (err != NULL) err->reason = reason;
  return code;
}

int p2p_err_of_file_limit(struct p2p_err *err, int number, int code) {
  bool is_full = number == EMFILE || number == ENFILE;
  return is_full ? p2p_err_because(err, "too_many_files", code) : code;
}

int p2p_err_of_limit(struct p2p_err *err, int number, int code) {
  return number == EAGAIN ? p2p_err_because(err, "too_many_processes", code)
                          : p2p_err_of_file_limit(err, number, code);
}

int p2p_err_prefix(struct p2p_err *err, const char *format, ...) {
  char prefix[P2P_ERR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  p2p_vformat(prefix, sizeof prefix, format, args);
  va_end(args);
  const char *reason = err->reason;
  int code = p2p_err_set(err, err->code, "%s: %s", prefix, err->message);
  return p2p_err_because(err, reason, code);
}

const char *p2p_err_name(int code) {
  switch (code) {
  case P2P_OK: return "ok";
  case P2P_ERR_INVALID: return "invalid";
  case P2P_ERR_MEMORY: return "memory";
  case P2P_ERR_TOO_LARGE: return "too_large";
  case P2P_ERR_PARSE: return "parse";
  case P2P_ERR_CRYPTO: return "crypto";
  case P2P_ERR_NETWORK: return "network";
  case P2P_ERR_TIMEOUT: return "timeout";
  case P2P_ERR_CLOSED: return "closed";
  case P2P_ERR_HOST_KEY: return "host_key";
  case P2P_ERR_AUTH: return "auth";
  case P2P_ERR_ACCESS: return "access";
  case P2P_ERR_PROTOCOL: return "protocol";
  case P2P_ERR_LOST: return "lost";
  case P2P_ERR_CANCELED: return "canceled";
  case P2P_ERR_VERSION: return "version";
  case P2P_ERR_SYSTEM: return "system";
  default: return "unknown";
  }
}
