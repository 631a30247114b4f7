/* The commands of a libssh session. Output is read from libssh at once and in full, so that the
 * board never waits for us; input waits in a bounded queue for the channel's window. */
#include "board/ssh_channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define QUEUE_MAX (1024 * 1024)
#define READ_BYTES 16384

enum state {
  STATE_OPENING,    /* the channel was requested */
  STATE_REQUESTING, /* the command was requested */
  STATE_RUNNING,    /* reads and writes */
  STATE_ENDED       /* on_end was called, or the command was freed */
};

struct p2p_ssh_channel {
  struct p2p_ssh_command base;
  struct p2p_ssh_channels *channels;
  struct p2p_ssh_channel *next;
  ssh_channel channel;
  enum state state;
  char *command;
  struct p2p_ssh_command_callbacks callbacks;
  void *arg;
  struct p2p_buf queue;
  bool eof_sent;
  struct p2p_post free_post;
};

static void free_memory(void *arg) {
  struct p2p_ssh_channel *channel = arg;
  p2p_buf_clear(&channel->queue);
  free(channel->command);
  free(channel);
}

/* Its memory stays until no callback runs: p2p_ssh_channels_step may be at this channel. */
static void release(struct p2p_ssh_channel *channel) {
  channel->state = STATE_ENDED;
  ssh_channel_free(channel->channel);
  channel->free_post = (struct p2p_post){.fn = free_memory, .arg = channel};
  p2p_loop_defer(channel->channels->loop, &channel->free_post);
}

static void end(struct p2p_ssh_channel *channel, int exit_status) {
  channel->state = STATE_ENDED;
  channel->callbacks.on_end(channel->arg, exit_status);
}

/* When the window is smaller than the queue, write whole lines if possible: the board forwards each
 * part as it arrives, and bytes of other members may get between two parts. */
static size_t part_length(const char *bytes, size_t length, size_t window) {
  if (length <= window) return length;
  for (size_t at = window; at > 0; at--) {
    if (bytes[at - 1] == '\n') return at;
  }
  return window;
}

static void flush(struct p2p_ssh_channel *channel) {
  size_t length;
  while ((length = p2p_buf_len(&channel->queue)) > 0) {
    const uint8_t *bytes = p2p_buf_data(&channel->queue);
    size_t part =
        part_length((const char *)bytes, length, ssh_channel_window_size(channel->channel));
    int written = part == 0 ? 0 : ssh_channel_write(channel->channel, bytes, (uint32_t)part);
    if (written <= 0) return;
    p2p_buf_consume(&channel->queue, (size_t)written);
  }
}

static bool step_opening(struct p2p_ssh_channel *channel) {
  int rc = ssh_channel_open_session(channel->channel);
  if (rc == SSH_AGAIN) return false;
  if (rc == SSH_OK)
    channel->state = STATE_REQUESTING;
  else
    end(channel, -1);
  return true;
}

static bool step_requesting(struct p2p_ssh_channel *channel) {
  int rc = ssh_channel_request_exec(channel->channel, channel->command);
  if (rc == SSH_AGAIN) return false;
  if (rc != SSH_OK) {
    end(channel, -1);
    return true;
  }
  channel->state = STATE_RUNNING;
  channel->callbacks.on_start(channel->arg);
  return true;
}

/* stderr is read as well, and dropped: unread bytes would use up the window of both. */
static bool read_all(struct p2p_ssh_channel *channel) {
  char bytes[READ_BYTES];
  int dropped = ssh_channel_read_nonblocking(channel->channel, bytes, sizeof bytes, 1);
  int length = ssh_channel_read_nonblocking(channel->channel, bytes, sizeof bytes, 0);
  if (length > 0) channel->callbacks.on_output(channel->arg, bytes, (size_t)length);
  return length > 0 || dropped > 0;
}

/* -1: the command has none, as when a signal ended it, or the connection broke. */
static int exit_status_of(ssh_channel channel) {
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
  uint32_t exit_status;
  return ssh_channel_get_exit_state(channel, &exit_status, NULL, NULL) == SSH_OK ? (int)exit_status
                                                                                 : -1;
#else
  return ssh_channel_get_exit_status(channel);
#endif
}

static bool step_running(struct p2p_ssh_channel *channel) {
  flush(channel);
  if (read_all(channel)) return true;
  if (ssh_channel_is_closed(channel->channel)) {
    int exit_status = exit_status_of(channel->channel);
    /* When the connection breaks every channel is closed: on_close reports that. */
    if (exit_status < 0 && !ssh_is_connected(channel->channels->session)) return false;
    end(channel, exit_status);
    return true;
  }
  if (ssh_channel_is_eof(channel->channel) && !channel->eof_sent) {
    /* The command ends, and its exit status arrives, only after an EOF from both sides. */
    channel->eof_sent = true;
    (void)ssh_channel_send_eof(channel->channel);
  }
  return false;
}

static bool step(struct p2p_ssh_channel *channel) {
  switch (channel->state) {
  case STATE_OPENING: return step_opening(channel);
  case STATE_REQUESTING: return step_requesting(channel);
  case STATE_RUNNING: return step_running(channel);
  default: return false;
  }
}

bool p2p_ssh_channels_step(struct p2p_ssh_channels *channels) {
  bool progress = false;
  /* New ones are put at the head. One that is freed meanwhile keeps its `next`. */
  for (struct p2p_ssh_channel *channel = channels->first; channel != NULL; channel = channel->next)
    if (step(channel)) progress = true;
  return progress;
}

void p2p_ssh_channels_clear(struct p2p_ssh_channels *channels) {
  struct p2p_ssh_channel *channel = channels->first;
  channels->first = NULL;
  for (; channel != NULL; channel = channel->next) release(channel);
}

int p2p_ssh_channel_run(struct p2p_ssh_channels *channels, const char *command,
                        const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                        struct p2p_ssh_command **out, struct p2p_err *err) {
  if (channels->session == NULL)
    return p2p_err_set(err, P2P_ERR_CLOSED, "there is no connection to the board");
  struct p2p_ssh_channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  p2p_buf_init(&channel->queue, QUEUE_MAX);
  channel->base.operations = channels->operations;
  channel->channels = channels;
  channel->callbacks = *callbacks;
  channel->arg = arg;
  channel->command = strdup(command);
  channel->channel = ssh_channel_new(channels->session);
  if (channel->command == NULL || channel->channel == NULL) {
    if (channel->channel != NULL) ssh_channel_free(channel->channel);
    free_memory(channel);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  channel->next = channels->first;
  channels->first = channel;
  channels->on_activity(channels->arg);
  *out = &channel->base;
  return P2P_OK;
}

int p2p_ssh_channel_write(struct p2p_ssh_command *command, const void *bytes, size_t length) {
  struct p2p_ssh_channel *channel = (struct p2p_ssh_channel *)command;
  if (channel->state == STATE_ENDED || channel->channels->session == NULL) return P2P_ERR_CLOSED;
  int code = p2p_buf_put(&channel->queue, bytes, length);
  if (code != P2P_OK) return code;
  if (channel->state == STATE_RUNNING) flush(channel);
  /* libssh also reads while it writes, and then the socket no longer shows that bytes arrived. */
  channel->channels->on_activity(channel->channels->arg);
  return P2P_OK;
}

void p2p_ssh_channel_free(struct p2p_ssh_command *command) {
  struct p2p_ssh_channel *channel = (struct p2p_ssh_channel *)command;
  struct p2p_ssh_channels *channels = channel->channels;
  struct p2p_ssh_channel **link = &channels->first;
  while (*link != channel) link = &(*link)->next;
  *link = channel->next;
  release(channel);
  if (channels->session != NULL) channels->on_activity(channels->arg);
}
