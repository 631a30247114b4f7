/* What people see; the words are those of the functions in R. */
#include "shell/console.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/public_services.h"

static const char USAGE[] =
    "Usage: wormhole send FILE | send --text=TEXT | receive CODE   (or: Rscript -e "
    "future.p2p::wormhole ...)\n\n"
    "Sends and receives files and texts by Magic Wormhole, end to end encrypted.\n\n"
    "  --code=CODE      send under this code instead of one that is made up\n"
    "  --path=PATH      receive into this folder, or as this new file; default: the current "
    "folder\n"
    "  --mailbox=URL    the mailbox server, as ws://name:4000/v1\n"
    "  --relay=ADDRESS  the transit relay, as tcp:name:4001; empty for none\n"
    "  --no-listen      outbound connections only\n"
    "  --verify         show the verifier, and ask whether the other side shows the same\n"
    "  --timeout=SEC    how long to wait for the other side; default: 600\n"
    "  --progress=BOOL  whether to show how far it is\n"
    "  --help, --version\n\n"
    "In R: help(\"wormhole_send\", package = \"future.p2p\")\n";

void p2p_console_size(uint64_t bytes, char out[static P2P_CONSOLE_SIZE_MAX]) {
  static const char *const UNITS[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  double size = (double)bytes;
  size_t unit = 0;

  while (size >= 1000 && unit + 1 < sizeof UNITS / sizeof UNITS[0]) {
    size /= 1000;
    unit++;
  }
  snprintf(out, P2P_CONSOLE_SIZE_MAX, unit == 0 || size >= 100 ? "%.0f %s" : "%.1f %s", size,
           UNITS[unit]);
}

void p2p_console_usage(int fd) { dprintf(fd, "%s", USAGE); }

void p2p_console_code(const struct p2p_transfer_config *config, const char *code) {
  bool own_mailbox = strcmp(config->mailbox, P2P_PUBLIC_MAILBOX) != 0;
  bool own_relay = config->relay == NULL || strcmp(config->relay, P2P_PUBLIC_RELAY) != 0;
  char flags[1024] = "";

  dprintf(STDERR_FILENO, "Wormhole code is: %s\nOn the other machine%s:\n", code,
          own_mailbox || own_relay ? "" : ", one of");
  if (!own_mailbox && !own_relay) dprintf(STDERR_FILENO, "  wormhole receive %s\n", code);
  if (own_mailbox) snprintf(flags, sizeof flags, " --mailbox=%s", config->mailbox);
  if (own_relay)
    snprintf(flags + strlen(flags), sizeof flags - strlen(flags), " --relay=%s",
             config->relay ? config->relay : "");
  dprintf(STDERR_FILENO, "  Rscript -e future.p2p::wormhole receive %s%s\n", code, flags);
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
  if (!status->is_text && is_sender)
    dprintf(STDERR_FILENO, "'%s' (%s) was received, %s.\n", status->name, size, status->route);
  else if (!status->is_text)
    dprintf(STDERR_FILENO, "Received what the sender calls '%s' (%s), %s.\n", status->name, size,
            status->route);
  else if (is_sender)
    dprintf(STDERR_FILENO, "The text was received.\n");
}
