/* The wording of a worker's limits. */
#include "worker/limits.h"

#include <stdio.h>

struct unit {
  double size;
  const char *name;
};

/* Uses the largest unit that is not larger than the value; `units` are in descending order. */
static void format_in(double value, const struct unit *units, char out[P2P_LIMITS_TEXT_MAX]) {
  while (units->size > 1 && value < units->size) units++;
  double tenths = (double)(long long)(value / units->size * 10 + 0.5);
  if (tenths == 10 * (double)(long long)(tenths / 10))
    snprintf(out, P2P_LIMITS_TEXT_MAX, "%.0f %s", tenths / 10, units->name);
  else
    snprintf(out, P2P_LIMITS_TEXT_MAX, "%.1f %s", tenths / 10, units->name);
}

void p2p_limits_memory(const struct p2p_limits *limits, char out[P2P_LIMITS_TEXT_MAX]) {
  static const struct unit units[] = {
      {1024.0 * 1024 * 1024, "GiB"}, {1024.0 * 1024, "MiB"}, {1, "bytes"}};
  format_in((double)limits->memory_bytes, units, out);
}

void p2p_limits_time(const struct p2p_limits *limits, char out[P2P_LIMITS_TEXT_MAX]) {
  static const struct unit units[] = {{3600, "h"}, {60, "min"}, {1, "s"}};
  format_in((double)limits->time_ms / 1000, units, out);
}

void p2p_limits_describe(const struct p2p_limits *limits, unsigned slots, char *out, size_t size) {
  char memory[P2P_LIMITS_TEXT_MAX] = "", time[P2P_LIMITS_TEXT_MAX] = "";
  if (limits->memory_bytes > 0) p2p_limits_memory(limits, memory);
  if (limits->time_ms > 0) p2p_limits_time(limits, time);
  int length = snprintf(out, size, "%u slot%s", slots, slots == 1 ? "" : "s");
  if ((memory[0] == '\0' && time[0] == '\0') || length < 0 || (size_t)length >= size) return;
  snprintf(out + length, size - (size_t)length, " (%s%s%s%s%s%s)",
           memory[0] != '\0' ? "memory " : "", memory,
           memory[0] != '\0' && time[0] != '\0' ? ", " : "", time[0] != '\0' ? "time " : "", time,
           slots == 1 ? "" : " each");
}
