/* Errors. Functions of the core return P2P_OK or a negative P2P_ERR_* and fill a struct p2p_err.
 *
 * The message states what happened: it starts in lower case, has no full stop and does not mention
 * R. The reason names the failure for callers that add advice for their users: R/conditions.R and
 * shell/console.c each map reasons to a next step. */
#ifndef P2P_BASE_ERR_H
#define P2P_BASE_ERR_H

enum p2p_code {
  P2P_OK = 0,
  P2P_ERR_INVALID = -1,   /* an argument is not what the contract asks for */
  P2P_ERR_MEMORY = -2,    /* out of memory */
  P2P_ERR_TOO_LARGE = -3, /* a length is beyond its cap */
  P2P_ERR_PARSE = -4,     /* bytes that are not of the expected form */
  P2P_ERR_CRYPTO = -5,    /* does not decrypt, not a valid point, ... */
  P2P_ERR_NETWORK = -6,   /* unreachable, refused, reset, unknown name */
  P2P_ERR_TIMEOUT = -7,   /* a bound on a wait was reached */
  P2P_ERR_CLOSED = -8,    /* the other side ended in an orderly way */
  P2P_ERR_HOST_KEY = -9,  /* unknown or changed SSH host key */
  P2P_ERR_AUTH = -10,     /* no usable SSH key, or no account for it */
  P2P_ERR_ACCESS = -11,   /* cluster not hosted, or not for us */
  P2P_ERR_PROTOCOL = -12, /* the peer broke the protocol */
  P2P_ERR_LOST = -13,     /* a worker, link or evaluator is gone */
  P2P_ERR_CANCELED = -14, /* asked to stop */
  P2P_ERR_VERSION = -15,  /* the peer's R or future cannot run this */
  P2P_ERR_SYSTEM = -16    /* the operating system refused (errno in the message) */
};

#define P2P_ERR_MESSAGE_MAX 1280

struct p2p_err {
  int code;           /* P2P_ERR_* */
  const char *reason; /* a string literal such as "not_hosted"; NULL when the code says it all */
  char message[P2P_ERR_MESSAGE_MAX];
};

#if defined(__GNUC__)
#define P2P_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define P2P_MUST_USE __attribute__((warn_unused_result))
#else
#define P2P_PRINTF(fmt, args)
#define P2P_MUST_USE
#endif

/* Fills `err` (may be NULL) without a reason, and returns `code`. Truncates a message that is too
 * long at a UTF-8 boundary. The message of `err` itself may be among the arguments. */
int p2p_err_set(struct p2p_err *err, int code, const char *format, ...) P2P_PRINTF(3, 4);

/* Adds a reason, a string literal, to an error that was just set, and returns `code`:
 *   return p2p_err_because(err, "not_hosted", p2p_err_set(err, P2P_ERR_ACCESS, ...)); */
int p2p_err_because(struct p2p_err *err, const char *reason, int code);

/* Adds the reason "too_many_files" to an error that was just set, if errno `number` says so
 * (EMFILE, ENFILE). Returns `code`. */
int p2p_err_of_file_limit(struct p2p_err *err, int number, int code);
/* The same for a new process or thread, where EAGAIN is "too_many_processes". */
int p2p_err_of_limit(struct p2p_err *err, int number, int code);

/* Puts "prefix: " before the message. Keeps code and reason. Returns err->code. */
int p2p_err_prefix(struct p2p_err *err, const char *format, ...) P2P_PRINTF(2, 3);

/* "network" for P2P_ERR_NETWORK and so on; "unknown" for any other number. */
const char *p2p_err_name(int code);

#endif
