/* What the programs of the escape suite know: run.R sets these variables. */
#ifndef P2P_TESTS_ESCAPES_FACT_H
#define P2P_TESTS_ESCAPES_FACT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The value of P2P_ESCAPE_<name>; "" if it is not set. */
static inline const char *fact(const char *name) {
  char variable[64];
  snprintf(variable, sizeof variable, "P2P_ESCAPE_%s", name);
  const char *value = getenv(variable);
  return value == NULL ? "" : value;
}

static inline long fact_number(const char *name) { return strtol(fact(name), NULL, 0); }

/* `folder`/`name`, valid until the fourth next call. */
static inline const char *path_in(const char *folder, const char *name) {
  static char paths[4][512];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static inline void sleep_ms(long ms) {
  const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* The names of what the lender's program keeps where all processes of an account find it. */
#define SHARED_KEY 0x70327065 /* of System V */
#define QUEUE "/p2p-escape"
#define KEY_NAME "p2p-escape"

/* Signals that the lender's program counts: SIGRTMIN + this. */
enum { BY_KILL = 1, BY_GROUP, BY_THREAD, BY_TKILL, BY_QUEUE, BY_PIDFD, BY_FILE, SIGNALS };

/* Texts in its memory that nobody but it should change, one after the other. */
enum { WORD_BY_MEM, WORD_BY_VM, WORDS };
#define WORD_SIZE 16

/* What the lender's program reports once it is ready, one per line. */
#define REPORT "MEMORY=%#lx\nWORDS=%#lx\nDESCRIPTOR=%d\nTCP4=%d\nTCP6=%d\nUDP4=%d\nUDP6=%d\n"

#endif
