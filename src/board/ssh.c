/* Chooses the transport of an SSH connection. The choice needs ssh_config and the key files, which
 * may be on a slow or dead file system: they are read on a thread of the pool. */
#include "board/ssh.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "board/ssh_program.h"
#include "board/ssh_session.h"
#include "board/ssh_settings.h"
#include "net/job.h"
#include "net/timer.h"

/* Belongs to the job until it has ended. */
struct reading {
  struct p2p_address address;
  struct p2p_ssh_settings settings;
  int code;
  struct p2p_err err;
};

struct p2p_ssh {
  struct p2p_loop *loop;
  struct p2p_address address;
  struct p2p_ssh_callbacks callbacks;
  void *arg;
  uint32_t timeout_ms;
  uint64_t deadline_ms; /* on p2p_clock_ms() */
  struct p2p_timer *timer;
  struct p2p_job *job;                 /* NULL once the settings are read */
  struct p2p_ssh_transport *transport; /* NULL before that */
  bool uses_program;
  char host[256];
};

static int start_transport(struct p2p_ssh *ssh, struct p2p_ssh_settings *settings,
                           struct p2p_err *err) {
  uint64_t now = p2p_clock_ms();
  const struct p2p_ssh_request request = {
      .loop = ssh->loop,
      .address = &ssh->address,
      .timeout_ms = now < ssh->deadline_ms ? (uint32_t)(ssh->deadline_ms - now) : 1};
  ssh->uses_program = settings->needs_program;
  snprintf(ssh->host, sizeof ssh->host, "%s", settings->host);
  return ssh->uses_program ? p2p_ssh_program_connect(&request, ssh->host, &ssh->callbacks, ssh->arg,
                                                     &ssh->transport, err)
                           : p2p_ssh_session_connect(&request, settings, &ssh->callbacks, ssh->arg,
                                                     &ssh->transport, err);
}

/* on a thread of the pool */
static void read_settings(void *data) {
  struct reading *reading = data;
  reading->code = p2p_ssh_settings_read(&reading->address, &reading->settings, &reading->err);
}

/* on the io thread */

static void free_reading(void *data) {
  struct reading *reading = data;
  p2p_ssh_settings_clear(&reading->settings);
  free(reading);
}

static void on_settings(void *arg, void *data) {
  struct p2p_ssh *ssh = arg;
  struct reading *reading = data;
  struct p2p_err err = reading->err;
  int code = reading->code;
  ssh->job = NULL;
  p2p_timer_stop(ssh->timer);
  if (code == P2P_OK) code = start_transport(ssh, &reading->settings, &err);
  free_reading(reading);
  if (code != P2P_OK) ssh->callbacks.on_close(ssh->arg, &err);
}

static void on_timeout(void *arg) {
  struct p2p_ssh *ssh = arg;
  struct p2p_err err;
  p2p_job_cancel(ssh->job);
  ssh->job = NULL;
  p2p_err_because(&err, "ssh_files",
                  p2p_err_set(&err, P2P_ERR_TIMEOUT,
                              "reading the SSH settings and keys for '%s' took longer than %.1f s",
                              ssh->address.host, ssh->timeout_ms / 1000.0));
  ssh->callbacks.on_close(ssh->arg, &err);
}

int p2p_ssh_connect(const struct p2p_ssh_request *request,
                    const struct p2p_ssh_callbacks *callbacks, void *arg, struct p2p_ssh **out,
                    struct p2p_err *err) {
  struct p2p_ssh *ssh = calloc(1, sizeof *ssh);
  struct reading *reading = calloc(1, sizeof *reading);
  int code = P2P_ERR_MEMORY;
  if (ssh == NULL || reading == NULL) goto fail;
  ssh->loop = request->loop;
  ssh->address = *request->address;
  ssh->callbacks = *callbacks;
  ssh->arg = arg;
  ssh->timeout_ms = request->timeout_ms;
  ssh->deadline_ms = p2p_clock_ms() + request->timeout_ms;
  snprintf(ssh->host, sizeof ssh->host, "%s", request->address->host);
  ssh->timer = p2p_timer_new(request->loop, on_timeout, ssh);
  if (ssh->timer == NULL) goto fail;
  reading->address = *request->address;
  const struct p2p_job_config config = {.may_block = true,
                                        .work = read_settings,
                                        .done = on_settings,
                                        .release = free_reading,
                                        .data = reading,
                                        .arg = ssh};
  code = p2p_job_start(request->loop, &config, &ssh->job);
  if (code != P2P_OK) goto fail;
  p2p_timer_start(ssh->timer, request->timeout_ms, 0);
  *out = ssh;
  return P2P_OK;

fail:
  if (ssh != NULL) p2p_timer_free(ssh->timer);
  free(reading);
  free(ssh);
  return p2p_job_explain(code, err);
}

void p2p_ssh_free(struct p2p_ssh *ssh) {
  if (ssh == NULL) return;
  p2p_job_cancel(ssh->job);
  if (ssh->transport != NULL) ssh->transport->operations->free(ssh->transport);
  p2p_timer_free(ssh->timer);
  free(ssh);
}

struct p2p_loop *p2p_ssh_loop(const struct p2p_ssh *ssh) {
  return ssh->loop;
}

const char *p2p_ssh_host(const struct p2p_ssh *ssh) { return ssh->host; }

bool p2p_ssh_uses_program(const struct p2p_ssh *ssh) { return ssh != NULL && ssh->uses_program; }

void p2p_ssh_set_silence(struct p2p_ssh *ssh, uint32_t silent_ms) {
  ssh->transport->operations->set_silence(ssh->transport, silent_ms);
}

int p2p_ssh_run(struct p2p_ssh *ssh, const char *command,
                const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                struct p2p_ssh_command **out, struct p2p_err *err) {
  if (ssh->transport == NULL)
    return p2p_err_set(err, P2P_ERR_CLOSED, "there is no connection to the board");
  return ssh->transport->operations->run(ssh->transport, command, callbacks, arg, out, err);
}

int p2p_ssh_command_write(struct p2p_ssh_command *command, const void *bytes, size_t length) {
  return command->operations->write(command, bytes, length);
}

void p2p_ssh_command_free(struct p2p_ssh_command *command) {
  if (command != NULL) command->operations->free_command(command);
}
