/* Tells another thread that a file has changed, by a log line. Not on the io thread. */
#ifndef P2P_NET_FILE_REPORT_H
#define P2P_NET_FILE_REPORT_H

#include "base/log_queue.h"
#include "net/service.h"

/* Starts a service that writes a DEBUG line to `log`, of which it keeps a reference, whenever the
 * file has changed (net/file_watch.h). Stop the service to end this. P2P_ERR_SYSTEM,
 * P2P_ERR_MEMORY. */
int p2p_file_report_start(struct p2p_loop *loop, const char *path, struct p2p_log_queue *log,
                          struct p2p_service **out, struct p2p_err *err) P2P_MUST_USE;

#endif
