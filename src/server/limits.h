/* All limits of the server. Those of struct p2p_board_limits can be set (arguments of serve()); the
 * others are fixed. Names end in their unit; where there is none, they count.
 *
 * "per address" means per IPv4 address or per IPv6 network of 64 bits (server/client_address.h). */
#ifndef P2P_SERVER_LIMITS_H
#define P2P_SERVER_LIMITS_H

#include <stdint.h>

/* --- the board --- */

struct p2p_board_limits { /* 0: the default below */
  uint32_t connections;   /* in all; at most half of them with keys without an account */
  uint32_t connections_per_key;
  uint32_t topics_per_user; /* opened at a time by one user, or by one key without an account */
  uint32_t login_ms;        /* from the connection to its authentication */
  uint64_t bytes_per_s;     /* from one connection; beyond that, it is not read for a while */
  uint32_t ping_ms;         /* between two pings; also how exact the other times are */
  uint32_t silence_ms;      /* without a byte from an authenticated client: closed */
};

#define P2P_BOARD_CONNECTIONS_DEFAULT 2000
#define P2P_BOARD_CONNECTIONS_PER_KEY_DEFAULT 200
#define P2P_BOARD_TOPICS_PER_USER_DEFAULT 100
#define P2P_BOARD_LOGIN_MS_DEFAULT 10000
#define P2P_BOARD_BYTES_PER_S_DEFAULT (8 * 1024 * 1024)
#define P2P_BOARD_PING_MS_DEFAULT 5000
#define P2P_BOARD_SILENCE_MS_DEFAULT 25000

#define P2P_BOARD_UNAUTHENTICATED_MAX 128            /* connections */
#define P2P_BOARD_UNAUTHENTICATED_PER_ADDRESS_MAX 32 /* connections */
#define P2P_BOARD_IDLE_MS 60000                      /* without a channel: closed */
#define P2P_BOARD_CHANNELS_MAX 16                    /* per connection */
#define P2P_BOARD_ATTESTED_MAX 4                     /* device keys per connection */

/* Bytes that one connection may send at once, on top of bytes_per_s. Well below
 * P2P_BOARD_OUTPUT_MAX, so that a client that reads at this speed is never disconnected because of
 * one that writes. */
#define P2P_BOARD_BURST_BYTES (512 * 1024)
/* Bytes that wait for one command of a client that reads too slowly: disconnected beyond. */
#define P2P_BOARD_OUTPUT_MAX (1024 * 1024)
#define P2P_BOARD_ERROR_OUTPUT_MAX 4096 /* bytes, the same for standard error */

#define P2P_BOARD_COMMAND_MAX 16384                      /* bytes of a command */
#define P2P_BOARD_TOPIC_MAX 256                          /* bytes of a topic as typed */
#define P2P_BOARD_READER_WAIT_MAX_MS (24u * 3600 * 1000) /* pub -t */

/* Bytes that a writer may send before its first reader joins, and those of all writers together. */
#define P2P_TOPICS_PENDING_MAX (1024 * 1024)
#define P2P_TOPICS_PENDING_TOTAL_MAX (64 * 1024 * 1024)

/* --- the users --- */

#define P2P_ACCOUNTS_TEXT_MAX (4 * 1024 * 1024) /* bytes of a users file */
#define P2P_BOARD_NAMES_MAX 1000                /* names of one `users` */
#define P2P_ACCOUNTS_LINE_MAX 16384             /* bytes */
#define P2P_ACCOUNTS_KEYS_MAX 10000

#define P2P_HOST_KEY_FILE_MAX 16384 /* bytes */

/* --- the mailbox server --- */

/* All clients behind one address share its bounds. So that none of them keeps the others out, the
 * oldest connection, or mailbox that nobody has open, makes room for a new one, and each mailbox
 * has room for the messages that open a link, or a transfer, in any case. */
#define P2P_MAILBOX_CONNECTIONS_MAX 1000
#define P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX 500
#define P2P_MAILBOX_CONNECTION_OLD_MS 5000 /* a younger connection makes no room */
#define P2P_MAILBOX_QUEUE_MAX                                        \
  (4 * 1024 * 1024) /* bytes that wait for one client: closed beyond \
                     */
#define P2P_MAILBOX_SILENCE_MS (24u * 3600 * 1000) /* without a message of the client: closed */

#define P2P_STORE_NAME_MAX                                              \
  127 /* bytes of an application id, side, mailbox, phase or message id \
       */
#define P2P_STORE_BODY_MAX (256 * 1024) /* bytes of one message */
#define P2P_STORE_MESSAGES_MAX 256      /* per mailbox */
#define P2P_STORE_MAILBOXES_MAX 4096
#define P2P_STORE_MAILBOXES_PER_ADDRESS_MAX 1024
/* Bytes of the messages in a mailbox that do not count for the two bounds below. */
#define P2P_STORE_BYTES_FREE (16u * 1024)
#define P2P_STORE_BYTES_MAX (128u * 1024 * 1024) /* bytes of all messages */
/* Bytes of all messages in the mailboxes that one address has created. */
#define P2P_STORE_BYTES_PER_ADDRESS_MAX (32u * 1024 * 1024)
#define P2P_STORE_IDLE_MS 3600000 /* without a subscriber: deleted */

/* --- the transit relay --- */

#define P2P_RELAY_CONNECTIONS_MAX 1000
#define P2P_RELAY_CONNECTIONS_PER_ADDRESS_MAX 500
#define P2P_RELAY_REQUEST_MS 30000 /* from the connection to its request */
#define P2P_RELAY_WAIT_MS 600000   /* from the request to its partner */
#define P2P_RELAY_QUEUE_MAX \
  (1024 * 1024)                   /* bytes that wait for one end before the other is paused */
#define P2P_RELAY_LINGER_MS 30000 /* for the last bytes after the other end has closed */

#endif
