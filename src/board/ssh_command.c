/* The commands of an SSH connection: one channel each, without pty, environment or agent. What
 * comes is read out of libssh at once and in full, so that the board never waits for us; what goes
 * out waits in a bounded queue for the channel's window. */
#include <stdlib.h>
#include <string.h>

#include "board/ssh_private.h"

#define QUEUE_MAX (1024 * 1024)
#define READ_BYTES 16384

enum command_state {
  COMMAND_OPENING,    /* asks for a channel */
  COMMAND_REQUESTING, /* asks to run the command */
  COMMAND_RUNNING,    /* reads and writes */
  COMMAND_ENDED       /* on_end was called */
};

struct p2p_ssh_session_command {
  struct p2p_ssh_command base;
  struct p2p_ssh_session *ssh;
  struct p2p_ssh_session_command *next;
  ssh_channel channel;
  enum command_state state;
  char *text;
  struct p2p_ssh_command_callbacks callbacks;
  void *arg;
  struct p2p_buf queue;
  bool eof_sent, freed;
};

static void destroy(struct p2p_ssh_session_command *command) {
  if (command->channel != NULL) ssh_channel_free(command->channel);
  p2p_buf_clear(&command->queue);
  free(command->text);
  free(command);
}

static bool is_silent(const struct p2p_ssh_session_command *command) {
  return command->freed || command->ssh->freed;
}

static void end(struct p2p_ssh_session_command *command, int exit_status) {
  command->state = COMMAND_ENDED;
  if (!is_silent(command)) command->callbacks.on_end(command->arg, exit_status);
}

/* Where the window is smaller than what waits, a part ends with a line if it can: the board passes
 * parts on as they come, and the bytes of others may come between two parts. */
static size_t part_length(const char *bytes, size_t length, size_t window) {
  if (length <= window) return length;
  for (size_t at = window; at > 0; at--) {
    if (bytes[at - 1] == '\n') return at;
  }
  return window;
}

static void flush(struct p2p_ssh_session_command *command) {
  size_t length;
  while ((length = p2p_buf_len(&command->queue)) > 0) {
    const uint8_t *bytes = p2p_buf_data(&command->queue);
    size_t part =
        part_length((const char *)bytes, length, ssh_channel_window_size(command->channel));
    int written = part == 0 ? 0 : ssh_channel_write(command->channel, bytes, (uint32_t)part);
    if (written <= 0) return;
    p2p_buf_consume(&command->queue, (size_t)written);
  }
}

static int step_opening(struct p2p_ssh_session_command *command) {
  int rc = ssh_channel_open_session(command->channel);
  if (rc == SSH_AGAIN) return P2P_SSH_WAIT;
  if (rc == SSH_OK)
    command->state = COMMAND_REQUESTING;
  else
    end(command, -1);
  return P2P_SSH_DONE;
}

static int step_requesting(struct p2p_ssh_session_command *command) {
  int rc = ssh_channel_request_exec(command->channel, command->text);
  if (rc == SSH_AGAIN) return P2P_SSH_WAIT;
  if (rc != SSH_OK) {
    end(command, -1);
    return P2P_SSH_DONE;
  }
  command->state = COMMAND_RUNNING;
  if (!is_silent(command)) command->callbacks.on_start(command->arg);
  return P2P_SSH_DONE;
}

/* stderr is read as well, and dropped: unread bytes would use up the window of both. */
static bool read_all(struct p2p_ssh_session_command *command) {
  char bytes[READ_BYTES];
  int dropped = ssh_channel_read_nonblocking(command->channel, bytes, sizeof bytes, 1);
  int length = ssh_channel_read_nonblocking(command->channel, bytes, sizeof bytes, 0);
  if (length > 0 && !is_silent(command))
    command->callbacks.on_output(command->arg, bytes, (size_t)length);
  return length > 0 || dropped > 0;
}

static int step_running(struct p2p_ssh_session_command *command) {
  flush(command);
  if (read_all(command)) return P2P_SSH_DONE;
  if (is_silent(command)) return P2P_SSH_WAIT;

  if (ssh_channel_is_closed(command->channel)) {
    int exit_status = ssh_channel_get_exit_status(command->channel);
    /* With the connection gone every channel is closed: that is for on_close to tell. */
    if (exit_status < 0 && !ssh_is_connected(command->ssh->session)) return P2P_SSH_WAIT;
    end(command, exit_status);
    return P2P_SSH_DONE;
  }
  if (ssh_channel_is_eof(command->channel) && !command->eof_sent) {
    /* Nothing more will be said to us: so that the command ends, and its exit status comes. */
    command->eof_sent = true;
    (void)ssh_channel_send_eof(command->channel);
  }
  return P2P_SSH_WAIT;
}

static int step(struct p2p_ssh_session_command *command) {
  switch (command->state) {
  case COMMAND_OPENING: return step_opening(command);
  case COMMAND_REQUESTING: return step_requesting(command);
  case COMMAND_RUNNING: return step_running(command);
  default: return P2P_SSH_WAIT;
  }
}

int p2p_ssh_commands_step(struct p2p_ssh_session *ssh) {
  int code = P2P_SSH_WAIT;
  /* New ones are put at the head, and none is taken out before the sweep. */
  for (struct p2p_ssh_session_command *command = ssh->commands; command != NULL;
       command = command->next) {
    if (!is_silent(command) && step(command) == P2P_SSH_DONE) code = P2P_SSH_DONE;
  }
  return code;
}

void p2p_ssh_commands_sweep(struct p2p_ssh_session *ssh, bool all) {
  struct p2p_ssh_session_command **link = &ssh->commands;
  while (*link != NULL) {
    struct p2p_ssh_session_command *command = *link;
    if (all || command->freed) {
      *link = command->next;
      destroy(command);
    } else {
      link = &command->next;
    }
  }
}

int p2p_ssh_session_run(struct p2p_ssh *base, const char *text,
                        const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                        struct p2p_ssh_command **out, struct p2p_err *err) {
  struct p2p_ssh_session *ssh = (struct p2p_ssh_session *)base;
  if (ssh->state != P2P_SSH_READY)
    return p2p_err_set(err, P2P_ERR_CLOSED, "There is no connection to the board.");
  struct p2p_ssh_session_command *command = calloc(1, sizeof *command);
  if (command == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  p2p_buf_init(&command->queue, QUEUE_MAX);
  command->base.transport = ssh->base.transport;
  command->ssh = ssh;
  command->callbacks = *callbacks;
  command->arg = arg;
  command->text = strdup(text);
  command->channel = ssh_channel_new(ssh->session);
  if (command->text == NULL || command->channel == NULL) {
    destroy(command);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  }
  command->next = ssh->commands;
  ssh->commands = command;
  p2p_ssh_kick(ssh);
  *out = &command->base;
  return P2P_OK;
}

int p2p_ssh_session_command_write(struct p2p_ssh_command *base, const void *bytes, size_t length) {
  struct p2p_ssh_session_command *command = (struct p2p_ssh_session_command *)base;
  if (command->state == COMMAND_ENDED || command->ssh->state != P2P_SSH_READY)
    return P2P_ERR_CLOSED;
  int code = p2p_buf_put(&command->queue, bytes, length);
  if (code != P2P_OK) return code;
  if (command->state == COMMAND_RUNNING) flush(command);
  /* While it writes libssh also reads, and then the socket no longer shows that something came. */
  p2p_ssh_kick(command->ssh);
  return P2P_OK;
}

void p2p_ssh_session_command_free(struct p2p_ssh_command *base) {
  struct p2p_ssh_session_command *command = (struct p2p_ssh_session_command *)base;
  struct p2p_ssh_session *ssh = command->ssh;
  command->freed = true;
  if (!ssh->stepping) p2p_ssh_commands_sweep(ssh, false);
  if (ssh->state == P2P_SSH_READY) p2p_ssh_kick(ssh);
}
