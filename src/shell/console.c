/* Messages to the user. They are the same as those of the functions in R. */
#include "shell/console.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/public_services.h"

static const char USAGE[] =
    "Usage: wormhole send [OPTION]... FILE\n"
    "       wormhole send [OPTION]... --text=TEXT\n"
    "       wormhole receive [OPTION]... CODE\n"
    "Send or receive a file or a text with Magic Wormhole, end-to-end encrypted.\n"
    "\n"
    "  --text=TEXT      send this text instead of a file\n"
    "  --code=CODE      send with this code instead of a generated one\n"
    "  --path=PATH      receive into this directory, under the sender's name for the file, or as\n"
    "                   this new file (default: the current directory)\n"
    "  --host=HOST      message board whose mailbox server and relay are used, such as\n"
    "                   example.org:2222 (default: R_FUTURE_P2P_HOST, else the public ones)\n"
    "  --ssh-args=ARGS  arguments for SSH to the board, in one string (default:\n"
    "                   R_FUTURE_P2P_SSH_ARGS)\n"
    "  --mailbox=URL    mailbox server, such as ws://example.org:4000/v1 (default:\n"
    "                   R_FUTURE_P2P_MAILBOX, else that of the board)\n"
    "  --relay=ADDRESS  transit relay, such as tcp:example.org:4001; empty for none (default:\n"
    "                   R_FUTURE_P2P_RELAY, else that of the board)\n"
    "  --no-listen      make outbound connections only\n"
    "  --verify         show a verifier, and ask whether the other side shows the same\n"
    "  --timeout=SEC    how long to wait for the other side (default: 600)\n"
    "  --progress=BOOL  whether to show progress (default: TRUE on a terminal)\n"
    "  --help           show this help\n"
    "  --version        show the version\n"
    "\n"
    "'Rscript -e future.p2p::wormhole' is the same program. In R, see\n"
    "help(\"wormhole_send\", package = \"future.p2p\").\n";

void p2p_console_size(uint64_t bytes, char out[static P2P_CONSOLE_SIZE_MAX]) {
  const char *const UNITS[] = {bytes == 1 ? "byte" : "bytes", "kB", "MB", "GB", "TB", "PB"};
  double size = (double)bytes;
  size_t unit = 0;

  while (size >= 1000 && unit + 1 < sizeof UNITS / sizeof UNITS[0]) {
    size /= 1000;
    unit++;
  }
  snprintf(out, P2P_CONSOLE_SIZE_MAX, unit == 0 || size >= 100 ? "%.0f %s" : "%.1f %s", size,
           UNITS[unit]);
}

const char *p2p_console_advice(const char *reason) {
  static const struct {
    const char *reason, *advice;
  } ADVICE[] = {
      {"agent_timeout",
       "Confirm the request of the agent, touch the security key, or restart the agent."},
      {"board_silent",
       "Check that this is the host of a message board, and that the network is up."},
      {"board_unreachable",
       "Check that the board is running, and that its host name and port are correct."},
      {"changed_host_key",
       "Refused: either the board was installed again, or someone intercepts the connection. Ask "
       "the operator of the board for the fingerprint. Only if the new one is right, remove the "
       "old key with 'ssh-keygen -R' and add the new one."},
      {"config_exposed",
       "Run 'chmod 600 ~/.ssh/config', and make sure that the file belongs to you."},
      {"crowded", "Start again with a new code."},
      {"directory_offered", "Ask the sender for an archive (zip or tar) instead."},
      {"file_exists", "Use --path to give a directory or a new name."},
      {"host_form", "Use name, name:port or user@name:port, with a port from 1 to 65535. IPv6 "
                    "addresses are in brackets."},
      {"is_directory", "Send an archive (zip or tar) of it instead."},
      {"key_exposed", "Make the file private with 'chmod 600 FILE'. If others may have read the "
                      "key, create a new one."},
      {"keys_rejected", "Select the key that the board knows with --ssh-args=\"-i FILE\", or load "
                        "it with 'ssh-add FILE', which is necessary if it has a passphrase."},
      {"mailbox_lost",
       "Check that the mailbox server is running, or use another one with --mailbox."},
      {"mailbox_unreachable",
       "Check the address of the mailbox server, the network, and that the server is running. "
       "--mailbox selects another one."},
      {"mailbox_permission", "Use another mailbox server with --mailbox."},
      {"no_receiver", "Check that the other side has entered the code, and uses the same mailbox "
                      "server. Then start again with a new code."},
      {"no_sender", "Check the code. It works once, and only while the sender waits: if it is "
                    "correct, ask the sender for a new one."},
      {"no_answer", "Check the host name, the port and the network."},
      {"no_directory", "Use --path to give a directory, or a new name in one."},
      {"no_ssh_key",
       "Create a key with 'ssh-keygen -t ed25519', or select a key with --ssh-args=\"-i FILE\"."},
      {"no_ssh_program", "Install OpenSSH, and make sure that 'ssh' is in PATH."},
      {"no_user_entry", "'ssh' needs an entry for your user id in /etc/passwd. Add one, or leave "
                        "out what only 'ssh' can do: jump hosts, -4, and most -o options."},
      {"not_a_board",
       "Check that this is the port of a message board, and that the board is not full."},
      {"revoked_host_key", "Refused: someone may have stolen this key and answer in the board's "
                           "place. Ask the operator "
                           "of the board for its new host key."},
      {"ssh_argument", "The arguments -i, -p, -l, -J, -F, -B, -b, -c, -m, -4, -6, -C and -o are "
                       "supported. Other settings belong in ~/.ssh/config."},
      {"ssh_failed", "Check the host names and ports of the board and of jump hosts, and that the "
                     "board is running. 'ssh' with the same arguments shows more."},
      {"ssh_files", "Check that ~/.ssh in your home directory can be read."},
      {"ssh_silent", "Check that 'ssh' with the same arguments logs in without a prompt, that the "
                     "SSH agent (SSH_AUTH_SOCK) answers, and that the network is up."},
      {"strict_host_key", "Host keys are always compared with known_hosts; the error for an "
                          "unknown one shows the entry to add."},
      {"text_not_utf8", "Send it as a file instead."},
      {"text_too_long", "Send it as a file instead."},
      {"transfer_overdue", "Check the network of both sides, and start again with a new code."},
      {"too_many_files", "Raise the limit on open files (ulimit -n)."},
      {"too_many_processes", "Raise the limit on processes and threads (ulimit -u)."},
      {"too_many_keys", "Select one key with --ssh-args=\"-i FILE -o IdentitiesOnly=yes\"."},
      {"unknown_host_key",
       "Compare the fingerprint with the one that the operator of the board gives you. If it is "
       "the same, add the entry between the single quotes to that file, as a line of its own."},
      {"unknown_host_key_unseen",
       "Connect once with 'ssh' and the same arguments, compare the fingerprint with the one that "
       "the operator of the board gives you, and accept the key only if it is the same."},
      {"wrong_code",
       "Check the code. If it was correct, someone else may have tried to guess it. Start "
       "again with a new code."},
  };

  for (size_t i = 0; reason != NULL && i < sizeof ADVICE / sizeof ADVICE[0]; i++)
    if (strcmp(reason, ADVICE[i].reason) == 0) return ADVICE[i].advice;
  return NULL;
}

void p2p_console_usage(int fd) { dprintf(fd, "%s", USAGE); }

void p2p_console_error(const struct p2p_err *err) {
  const char *advice = p2p_console_advice(err->reason);

  dprintf(STDERR_FILENO, "wormhole: %s\n", err->message);
  if (advice != NULL) dprintf(STDERR_FILENO, "%s\n", advice);
}

void p2p_console_code(const struct p2p_transfer_config *config, const char *code) {
  bool own_mailbox = strcmp(config->mailbox, P2P_PUBLIC_MAILBOX) != 0;
  bool own_relay = config->relay == NULL || strcmp(config->relay, P2P_PUBLIC_RELAY) != 0;
  char options[1024] = "";

  dprintf(STDERR_FILENO, "Wormhole code is: %s\nOn the other machine, run%s:\n", code,
          own_mailbox || own_relay ? "" : " one of");
  if (!own_mailbox && !own_relay) dprintf(STDERR_FILENO, "  wormhole receive %s\n", code);
  if (own_mailbox) snprintf(options, sizeof options, " --mailbox=%s", config->mailbox);
  if (own_relay)
    snprintf(options + strlen(options), sizeof options - strlen(options), " --relay=%s",
             config->relay ? config->relay : "");
  dprintf(STDERR_FILENO, "  Rscript -e future.p2p::wormhole receive %s%s\n", code, options);
}

void p2p_console_waiting(void) {
  dprintf(STDERR_FILENO, "Waiting for the other side (Ctrl-C stops).\n");
}

void p2p_console_verifier(const char *verifier) {
  dprintf(STDERR_FILENO, "Verifier: %s\nDoes the other side show the same verifier? (yes/no) ",
          verifier);
}

void p2p_console_progress(const struct p2p_transfer_status *status) {
  char moved[P2P_CONSOLE_SIZE_MAX], size[P2P_CONSOLE_SIZE_MAX];
  double share =
      status->size_bytes > 0 ? (double)status->moved_bytes / (double)status->size_bytes : 1;

  p2p_console_size(status->moved_bytes, moved);
  p2p_console_size(status->size_bytes, size);
  dprintf(STDERR_FILENO, "\r%3.0f%%  %s of %s   ", 100 * share, moved, size);
}

void p2p_console_end(const struct p2p_transfer_status *status, bool is_sender) {
  char size[P2P_CONSOLE_SIZE_MAX];

  p2p_console_size(status->size_bytes, size);
  if (status->is_text && is_sender)
    dprintf(STDERR_FILENO, "The text was received.\n");
  else if (!status->is_text && is_sender)
    dprintf(STDERR_FILENO, "'%s' (%s) was received, %s.\n", status->name, size, status->route);
  else if (!status->is_text)
    dprintf(STDERR_FILENO, "Received '%s' (%s), %s.\n", status->name, size, status->route);
}
