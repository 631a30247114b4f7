/* Which known_hosts files count, and their contents. */
#include "board/ssh_known_hosts.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "board/ssh_config.h"
#include "board/ssh_file.h"

#define FILE_BYTES_MAX (64 * 1024 * 1024)

/* The nth file of UserKnownHostsFile or GlobalKnownHostsFile. The first place that has the keyword
 * counts. */
static bool find_file(const struct p2p_ssh_texts *texts, bool is_global, unsigned nth,
                      char out[static P2P_KNOWN_HOSTS_FILE_MAX]) {
  static const char *const keywords[] = {"UserKnownHostsFile", "GlobalKnownHostsFile"};
  static const char *const defaults[] = {"~/.ssh/known_hosts ~/.ssh/known_hosts2",
                                         "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"};
  const char *host = texts->address->host, *list = defaults[is_global];
  const char *configured = p2p_ssh_config_find_list(texts->config, host, keywords[is_global]);
  if (configured == NULL)
    configured = p2p_ssh_config_find_list(texts->system, host, keywords[is_global]);
  if (configured != NULL) list = configured;
  if (!is_global && texts->address->known_hosts[0] != '\0') list = texts->address->known_hosts;
  return p2p_ssh_config_word(list, nth, out, P2P_KNOWN_HOSTS_FILE_MAX);
}

void p2p_ssh_known_hosts_file(const struct p2p_ssh_texts *texts,
                              char out[static P2P_KNOWN_HOSTS_FILE_MAX]) {
  char file[P2P_KNOWN_HOSTS_FILE_MAX];
  out[0] = '\0';
  if (find_file(texts, false, 0, file)) p2p_ssh_file_show(file, out, P2P_KNOWN_HOSTS_FILE_MAX);
}

bool p2p_ssh_known_hosts_are_odd(const struct p2p_ssh_texts *texts) {
  char file[P2P_KNOWN_HOSTS_FILE_MAX];
  for (int is_global = 0; is_global < 2; is_global++)
    for (unsigned n = 0; find_file(texts, is_global == 1, n, file); n++)
      if (!p2p_ssh_file_is_plain(file)) return true;
  return false;
}

static int read_file(struct p2p_known_hosts *known, const char *file) {
  char path[P2P_KNOWN_HOSTS_FILE_MAX + 512], shown[P2P_KNOWN_HOSTS_FILE_MAX];
  struct p2p_buf text;
  if (strcasecmp(file, "none") == 0) return P2P_OK;
  p2p_ssh_file_expand(file, path, sizeof path);
  p2p_ssh_file_show(file, shown, sizeof shown);
  p2p_buf_init(&text, FILE_BYTES_MAX);
  int code = p2p_ssh_file_read(path, &text);
  if (code == P2P_OK && p2p_buf_len(&text) > 0)
    code = p2p_known_hosts_add(known, shown, (const char *)p2p_buf_data(&text), p2p_buf_len(&text));
  else if (code == P2P_ERR_TOO_LARGE)
    p2p_known_hosts_set_problem(known, file, "it is larger than 64 MiB");
  else if (code == P2P_ERR_SYSTEM && errno != ENOENT)
    p2p_known_hosts_set_problem(known, file, strerror(errno));
  p2p_buf_clear(&text);
  return code == P2P_ERR_MEMORY ? code : P2P_OK;
}

int p2p_ssh_known_hosts_read(const struct p2p_ssh_texts *texts, const char *host, uint16_t port,
                             struct p2p_known_hosts **out, struct p2p_err *err) {
  char file[P2P_KNOWN_HOSTS_FILE_MAX];
  struct p2p_known_hosts *known = p2p_known_hosts_new(host, port);
  int code = known == NULL ? P2P_ERR_MEMORY : P2P_OK;
  for (int is_global = 0; is_global < 2 && code == P2P_OK; is_global++)
    for (unsigned n = 0; code == P2P_OK && find_file(texts, is_global == 1, n, file); n++)
      code = read_file(known, file);
  if (code == P2P_OK) {
    *out = known;
    return P2P_OK;
  }
  p2p_known_hosts_free(known);
  return p2p_err_set(err, code, "out of memory");
}
