/* Which slots count as load, and when a change of it is sent. */
#include "worker/load_report.h"

static uint32_t add_up(uint32_t a, uint32_t b) {
  return b > P2P_LOAD_WAITING_MAX - a ? P2P_LOAD_WAITING_MAX : a + b;
}

static uint32_t count_wanted(const struct p2p_slots_client *client) {
  return client->want > client->held ? client->want - client->held : 0;
}

/* An idle slot is not busy: its client returns it as soon as another one wants it. */
void p2p_load_report_add(struct p2p_load *load, const struct p2p_slots_client *client,
                         const char *user) {
  if (!client->present) return;
  load->busy += client->busy;
  load->waiting = add_up(load->waiting, count_wanted(client));
  if (client->busy > 0) p2p_load_add_user(load, user);
}

bool p2p_load_report_is_due(struct p2p_load_report *report, const struct p2p_load *load,
                            const struct p2p_slots_client *client, uint64_t now_ms,
                            uint64_t *due_ms) {
  if (p2p_load_is_same(load, &report->sent)) return false;
  uint64_t pause_ms = count_wanted(client) > 0 ? P2P_LOAD_REPORT_SHORT_MS : P2P_LOAD_REPORT_MS;
  uint64_t at_ms = report->sent_ms == 0 ? now_ms : report->sent_ms + pause_ms;
  if (now_ms < at_ms) {
    if (at_ms < *due_ms) *due_ms = at_ms;
    return false;
  }
  report->sent = *load;
  report->sent_ms = now_ms;
  return true;
}
