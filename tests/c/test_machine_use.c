/* Where the power of a machine comes from, by folders as Linux has them. */
#include "proc/machine_use.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char folder[64];

static void say(const char *supply, const char *file, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, supply);
  (void)!mkdir(path, 0700);
  snprintf(path, sizeof path, "%s/%s/%s", folder, supply, file);
  FILE *stream = fopen(path, "w");
  CHECK(stream != NULL);
  if (stream == NULL) return;
  fprintf(stream, "%s\n", text);
  fclose(stream);
}

TEST(a_machine_without_supplies_is_not_on_battery) {
  snprintf(folder, sizeof folder, "/tmp/p2p-power-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  CHECK(!p2p_machine_use_battery("/nonexistent") && !p2p_machine_use_battery(folder));
}

TEST(a_battery_that_is_discharged_counts_unless_there_is_other_power) {
  say("BAT0", "type", "Battery");
  say("BAT0", "online", "1");
  say("BAT0", "status", "Charging");
  CHECK(!p2p_machine_use_battery(folder));
  say("BAT0", "status", "Discharging");
  CHECK(p2p_machine_use_battery(folder));
  say("AC", "type", "Mains");
  say("AC", "online", "0");
  CHECK(p2p_machine_use_battery(folder));
  say("AC", "online", "1");
  CHECK(!p2p_machine_use_battery(folder));
}

TEST(the_battery_of_a_mouse_does_not_count) {
  say("AC", "online", "0");
  say("BAT0", "scope", "Device");
  CHECK(!p2p_machine_use_battery(folder));
}

TEST(the_load_is_not_negative) { CHECK(p2p_machine_use_load() >= 0); }

TEST(nothing_is_left) {
  char command[96];
  snprintf(command, sizeof command, "rm -r '%s'", folder);
  CHECK(system(command) == 0);
}

UNIT_MAIN("machine_use", UNIT(a_machine_without_supplies_is_not_on_battery),
          UNIT(a_battery_that_is_discharged_counts_unless_there_is_other_power),
          UNIT(the_battery_of_a_mouse_does_not_count), UNIT(the_load_is_not_negative),
          UNIT(nothing_is_left))
