/* The mailbox and the relay that a board names. */
#include "board/services.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hostport.h"
#include "protocol/public_services.h"

#define VALUE_MAX 256

/* Addresses are shown in commands that users copy into a shell: they must not contain its special
 * characters. */
static bool is_address(const char *text, size_t length) {
  return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:/_-[]*") ==
         length;
}

/* The value of the first line that begins with `start` ("key=prefix"). False: there is none, or it
 * is not an address. */
static bool find_value(const char *text, size_t length, const char *start,
                       char value[static VALUE_MAX]) {
  size_t key = (size_t)(strchr(start, '=') - start) + 1, prefix = strlen(start);
  while (length > 0) {
    const char *newline = memchr(text, '\n', length);
    size_t line = newline == NULL ? length : (size_t)(newline - text), end = line;
    if (end > 0 && text[end - 1] == '\r') end--;
    if (end > prefix && end - key < VALUE_MAX && memcmp(text, start, prefix) == 0) {
      memcpy(value, text + key, end - key);
      value[end - key] = '\0';
      return is_address(value, end - key);
    }
    if (newline == NULL) break;
    text += line + 1;
    length -= line + 1;
  }
  return false;
}

void p2p_services_client_address(const char *text, size_t length,
                                 char out[static P2P_CLIENT_ADDRESS_TEXT_MAX]) {
  char value[VALUE_MAX];
  uint8_t bytes[16];
  bool is_there = find_value(text, length, "client_address=", value) &&
                  (inet_pton(AF_INET, value, bytes) == 1 || inet_pton(AF_INET6, value, bytes) == 1);
  snprintf(out, P2P_CLIENT_ADDRESS_TEXT_MAX, "%.*s", P2P_CLIENT_ADDRESS_TEXT_MAX - 1,
           is_there ? value : "");
}

static bool is_key(const char *text, size_t length) {
  const char *letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=@.-";
  size_t type = strcspn(text, " ");
  return type > 0 && type + 1 < length && strspn(text, letters) == type &&
         strspn(text + type + 1, letters) == length - type - 1;
}

void p2p_services_host_key(const char *text, size_t length,
                           char out[static P2P_HOST_KEY_TEXT_MAX]) {
  static const char start[] = "host_key=";
  out[0] = '\0';
  while (length > 0) {
    const char *newline = memchr(text, '\n', length);
    size_t line = newline == NULL ? length : (size_t)(newline - text), skip = strlen(start);
    if (line > skip && line - skip < P2P_HOST_KEY_TEXT_MAX && memcmp(text, start, skip) == 0) {
      memcpy(out, text + skip, line - skip);
      out[line - skip] = '\0';
      if (!is_key(out, line - skip)) out[0] = '\0';
      return;
    }
    if (newline == NULL) return;
    text += line + 1;
    length -= line + 1;
  }
}

static void expand(const char *value, const char *host, char *out, size_t size) {
  const char *star = strchr(value, '*');
  char place[P2P_HOSTPORT_TEXT_MAX];
  p2p_hostport_format(host, 0, place, sizeof place);
  if (star == NULL) {
    snprintf(out, size, "%s", value);
  } else {
    snprintf(out, size, "%.*s%s%s", (int)(star - value), value, place, star + 1);
  }
}

void p2p_services_parse(const char *text, size_t length, const char *host,
                        struct p2p_services *out) {
  char value[VALUE_MAX];
  bool has_mailbox = find_value(text, length, "mailbox=ws://", value);
  expand(has_mailbox ? value : P2P_PUBLIC_MAILBOX, host, out->mailbox, sizeof out->mailbox);
  bool has_relay = find_value(text, length, "relay=tcp:", value);
  expand(has_relay ? value : P2P_PUBLIC_RELAY, host, out->relay, sizeof out->relay);
}
