/* Counts in memory, under a lock that is never held while a file is. */
#include "ledger/recorder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ledger/ledger_file.h"

struct p2p_recorder {
  char *folder; /* NULL: nothing is written */
  pid_t owner;
  pthread_mutex_t lock; /* guards what follows */
  unsigned references;
  struct p2p_ledger session, due;
};

struct p2p_recorder *p2p_recorder_new(const char *folder) {
  struct p2p_recorder *recorder = calloc(1, sizeof *recorder);
  char *copy = folder != NULL ? strdup(folder) : NULL;
  if (recorder == NULL || (folder != NULL && copy == NULL) ||
      pthread_mutex_init(&recorder->lock, NULL) != 0) {
    free(recorder);
    free(copy);
    return NULL;
  }
  recorder->folder = copy;
  recorder->owner = getpid();
  recorder->references = 1;
  return recorder;
}

struct p2p_recorder *p2p_recorder_ref(struct p2p_recorder *recorder) {
  if (recorder == NULL) return NULL;
  pthread_mutex_lock(&recorder->lock);
  recorder->references++;
  pthread_mutex_unlock(&recorder->lock);
  return recorder;
}

void p2p_recorder_free(struct p2p_recorder *recorder) {
  if (recorder == NULL) return;
  pthread_mutex_lock(&recorder->lock);
  bool is_last = --recorder->references == 0;
  pthread_mutex_unlock(&recorder->lock);
  if (!is_last) return;
  p2p_ledger_clear(&recorder->session);
  p2p_ledger_clear(&recorder->due);
  pthread_mutex_destroy(&recorder->lock);
  free(recorder->folder);
  free(recorder);
}

void p2p_recorder_add(struct p2p_recorder *recorder, const struct p2p_ledger_key *key,
                      const struct p2p_ledger_counts *counts) {
  time_t now = time(NULL);
  uint64_t now_s = now > 0 ? (uint64_t)now : 0; /* a clock may be wrong */
  const struct p2p_ledger_entry entry = {
      .key = *key, .counts = *counts, .since_s = now_s, .latest_s = now_s};
  pthread_mutex_lock(&recorder->lock);
  (void)!p2p_ledger_add(&recorder->session, &entry);
  if (recorder->folder != NULL) (void)!p2p_ledger_add(&recorder->due, &entry);
  pthread_mutex_unlock(&recorder->lock);
}

bool p2p_recorder_is_due(struct p2p_recorder *recorder) {
  pthread_mutex_lock(&recorder->lock);
  bool is_due = recorder->due.n > 0;
  pthread_mutex_unlock(&recorder->lock);
  return is_due;
}

/* What is counted while the file is written comes on top if that fails. */
int p2p_recorder_write(struct p2p_recorder *recorder, struct p2p_err *err) {
  if (recorder->owner != getpid() || recorder->folder == NULL) return P2P_OK;
  pthread_mutex_lock(&recorder->lock);
  struct p2p_ledger due = recorder->due;
  recorder->due = (struct p2p_ledger){0};
  pthread_mutex_unlock(&recorder->lock);
  int code = due.n > 0 ? p2p_ledger_file_add(recorder->folder, &due, err) : P2P_OK;
  if (code != P2P_OK) {
    pthread_mutex_lock(&recorder->lock);
    (void)!p2p_ledger_merge(&recorder->due, &due);
    pthread_mutex_unlock(&recorder->lock);
  }
  p2p_ledger_clear(&due);
  return code;
}

int p2p_recorder_session(struct p2p_recorder *recorder, struct p2p_ledger *out) {
  pthread_mutex_lock(&recorder->lock);
  int code = p2p_ledger_merge(out, &recorder->session);
  pthread_mutex_unlock(&recorder->lock);
  return code;
}
