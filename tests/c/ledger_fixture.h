/* What tests read of a ledger, and of its file in the temporary folder. */
#ifndef P2P_TESTS_LEDGER_FIXTURE_H
#define P2P_TESTS_LEDGER_FIXTURE_H

#include "key_folder.h"
#include "ledger/ledger_file.h"

static struct p2p_err err;

/* The futures of all entries. */
static uint64_t sum(const struct p2p_ledger *ledger) {
  uint64_t n = 0;
  for (size_t i = 0; i < ledger->n; i++) n += ledger->entries[i].counts.futures;
  return n;
}

static uint64_t sum_of_file(void) {
  struct p2p_ledger ledger = {0};
  CHECK(p2p_ledger_file_read(key_folder, &ledger, &err) == P2P_OK);
  uint64_t n = sum(&ledger);
  p2p_ledger_clear(&ledger);
  return n;
}

#endif
