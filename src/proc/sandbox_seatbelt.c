/* The command line of sandbox-exec, and the step into it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* realpath */
#endif
#include "proc/sandbox_seatbelt.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc/sandbox_privileges.h"
#include "proc/sandbox_profile.h"

#define RULES_MAX (512 * 1024) /* bytes; all arguments together may have 1 MiB */
#define FIXED 3                /* sandbox-exec -p RULES */
#define PER_PATH 4             /* -D path0=... -D name0=... */

/* --- the paths that exist --- */

struct found {
  struct p2p_sandbox_path *paths; /* without links; owned, as their names */
  const char **names;             /* as given */
  size_t n;
};

static void free_found(struct found *found) {
  for (size_t i = 0; i < found->n; i++) free((char *)(uintptr_t)found->paths[i].path);
  free(found->paths);
  free(found->names);
}

static int out_of_memory(struct p2p_err *err) {
  return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

/* Sets *out to NULL if there is nothing that the account could open. */
static int resolve(const char *path, char **out, struct p2p_err *err) {
  if (path[0] != '/')
    return p2p_err_set(err, P2P_ERR_INVALID, "the path '%.99s' is not absolute", path);
  bool is_short = strlen(path) < P2P_SANDBOX_SEATBELT_PATH_MAX;
  *out = is_short ? realpath(path, NULL) : NULL;
  if (*out != NULL && strlen(*out) >= P2P_SANDBOX_SEATBELT_PATH_MAX) is_short = false;
  if (*out != NULL && is_short) return P2P_OK;
  if (is_short && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return P2P_OK;
  int code = is_short ? p2p_err_set(err, P2P_ERR_SYSTEM, "cannot resolve the path '%.99s': %s",
                                    path, strerror(errno))
                      : p2p_err_set(err, P2P_ERR_INVALID, "the path '%.99s...' is too long", path);
  free(*out);
  return code;
}

static int find(const struct p2p_sandbox *sandbox, struct found *found, struct p2p_err *err) {
  *found = (struct found){.paths = calloc(sandbox->n_paths + 1, sizeof *found->paths),
                          .names = calloc(sandbox->n_paths + 1, sizeof *found->names)};
  if (found->paths == NULL || found->names == NULL) return out_of_memory(err);
  for (size_t i = 0; i < sandbox->n_paths; i++) {
    char *path = NULL;
    int code = resolve(sandbox->paths[i].path, &path, err);
    if (code != P2P_OK) return code;
    if (path == NULL) continue;
    found->paths[found->n] = (struct p2p_sandbox_path){path, sandbox->paths[i].is_writable};
    found->names[found->n++] = sandbox->paths[i].path;
  }
  return P2P_OK;
}

/* --- the command --- */

struct command {
  char **list; /* long enough, and NULL-terminated at any time */
  size_t n;
};

static int add(struct command *command, const char *text, size_t length, struct p2p_err *err) {
  char *copy = strndup(text, length);
  if (copy == NULL) return out_of_memory(err);
  command->list[command->n++] = copy;
  return P2P_OK;
}

static int add_text(struct command *command, const char *text, struct p2p_err *err) {
  return add(command, text, strlen(text), err);
}

static int add_rules(struct command *command, const struct p2p_sandbox *sandbox,
                     struct p2p_err *err) {
  struct p2p_buf rules;
  p2p_buf_init(&rules, RULES_MAX);
  int code = p2p_sandbox_profile_write(sandbox, &rules);
  if (code != P2P_OK)
    p2p_err_set(err, code,
                code == P2P_ERR_TOO_LARGE ? "there are too many paths" : "out of memory");
  else
    code = add(command, (const char *)p2p_buf_data(&rules), p2p_buf_len(&rules), err);
  p2p_buf_clear(&rules);
  return code;
}

static int add_parameter(struct command *command, const char *key, size_t i, const char *path,
                         struct p2p_err *err) {
  char text[P2P_SANDBOX_SEATBELT_PATH_MAX + 32];
  snprintf(text, sizeof text, "%s%zu=%s", key, i, path);
  int code = add_text(command, "-D", err);
  return code == P2P_OK ? add_text(command, text, err) : code;
}

static int fill(struct command *command, const struct found *found, bool net, char *const *program,
                struct p2p_err *err) {
  const struct p2p_sandbox sandbox = {.net = net, .paths = found->paths, .n_paths = found->n};
  int code = add_text(command, "/usr/bin/sandbox-exec", err);
  if (code == P2P_OK) code = add_text(command, "-p", err);
  if (code == P2P_OK) code = add_rules(command, &sandbox, err);
  for (size_t i = 0; code == P2P_OK && i < found->n; i++) {
    code = add_parameter(command, "path", i, found->paths[i].path, err);
    if (code == P2P_OK) code = add_parameter(command, "name", i, found->names[i], err);
  }
  for (size_t i = 0; code == P2P_OK && program[i] != NULL; i++)
    code = add_text(command, program[i], err);
  return code;
}

int p2p_sandbox_seatbelt_command(const struct p2p_sandbox *sandbox, char *const *program,
                                 char ***out, struct p2p_err *err) {
  struct found found;
  struct command command = {0};
  size_t n_program = 0;
  while (program[n_program] != NULL) n_program++;
  int code = find(sandbox, &found, err);
  if (code == P2P_OK) {
    command.list = calloc(FIXED + PER_PATH * found.n + n_program + 1, sizeof *command.list);
    code = command.list != NULL ? fill(&command, &found, sandbox->net, program, err)
                                : out_of_memory(err);
  }
  free_found(&found);
  if (code == P2P_OK)
    *out = command.list;
  else
    p2p_sandbox_seatbelt_free(command.list);
  return code;
}

void p2p_sandbox_seatbelt_free(char **command) {
  for (size_t i = 0; command != NULL && command[i] != NULL; i++) free(command[i]);
  free(command);
}

#ifdef __APPLE__
int p2p_sandbox_seatbelt_become(const struct p2p_sandbox *sandbox, char *const *program,
                                struct p2p_err *err) {
  char **command;
  int code = p2p_sandbox_privileges_drop(err);
  if (code == P2P_OK) code = p2p_sandbox_seatbelt_command(sandbox, program, &command, err);
  if (code != P2P_OK) return code;
  execv(command[0], command);
  p2p_err_set(err, P2P_ERR_SYSTEM, "cannot start '%s': %s", command[0], strerror(errno));
  p2p_sandbox_seatbelt_free(command);
  return P2P_ERR_SYSTEM;
}
#else
int p2p_sandbox_seatbelt_become(const struct p2p_sandbox *sandbox, char *const *program,
                                struct p2p_err *err) {
  (void)sandbox, (void)program;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "only macOS offers Seatbelt");
}
#endif
