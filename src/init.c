/* Registers the .Call entries; stops the io thread when the package is unloaded. */
#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

#include "base/standard_files.h"
#include "r/ffi.h"
#include "r/ffi_loop.h"

/* clang-format off */
#define ENTRIES(X)               \
  X(ffi_blob_size, 1)            \
  X(ffi_client_ask, 1)           \
  X(ffi_client_explain, 3)       \
  X(ffi_client_new, 2)           \
  X(ffi_client_present, 1)       \
  X(ffi_client_status, 1)        \
  X(ffi_client_wait, 3)          \
  X(ffi_client_workers, 1)       \
  X(ffi_cluster_check, 1)        \
  X(ffi_companion_begin, 0)      \
  X(ffi_companion_new, 2)        \
  X(ffi_companion_take, 1)       \
  X(ffi_control_ask, 3)          \
  X(ffi_control_prepare, 1)      \
  X(ffi_code_new, 0)             \
  X(ffi_disk_free, 1)            \
  X(ffi_evaluator_abandon, 3)    \
  X(ffi_evaluator_begin, 1)      \
  X(ffi_evaluator_condition, 3)  \
  X(ffi_evaluator_give_back, 0)  \
  X(ffi_evaluator_hello, 2)      \
  X(ffi_evaluator_limit, 1)      \
  X(ffi_evaluator_keep, 1)       \
  X(ffi_evaluator_rest, 2)       \
  X(ffi_evaluator_make_folder, 1) \
  X(ffi_evaluator_need, 2)       \
  X(ffi_evaluator_next_part, 1)  \
  X(ffi_evaluator_next, 1)       \
  X(ffi_evaluator_parts, 1)      \
  X(ffi_evaluator_read, 2)       \
  X(ffi_evaluator_read_part, 2)  \
  X(ffi_evaluator_open, 0)       \
  X(ffi_evaluator_renew_folder, 1) \
  X(ffi_evaluator_result, 3)     \
  X(ffi_evaluator_take, 1)       \
  X(ffi_file_report, 2)          \
  X(ffi_fingerprint, 1)          \
  X(ffi_handle_close, 1)         \
  X(ffi_handle_is_open, 1)       \
  X(ffi_handles_live, 0)         \
  X(ffi_host_new, 2)             \
  X(ffi_json, 1)                 \
  X(ffi_key_new, 1)              \
  X(ffi_keys_approve, 3)         \
  X(ffi_keys_board, 1)           \
  X(ffi_keys_device, 1)          \
  X(ffi_keys_expel, 2)           \
  X(ffi_keys_forget, 1)          \
  X(ffi_keys_invitation, 1)      \
  X(ffi_keys_invite, 2)          \
  X(ffi_keys_join, 3)            \
  X(ffi_keys_members, 1)         \
  X(ffi_keys_membership, 1)      \
  X(ffi_keys_withdraw, 2)        \
  X(ffi_keys_withdraw_all, 2)    \
  X(ffi_ledger_forget, 2)        \
  X(ffi_ledger_read, 1)          \
  X(ffi_libraries, 0)            \
  X(ffi_local_addresses, 0)      \
  X(ffi_log_new, 0)              \
  X(ffi_log_next, 2)             \
  X(ffi_loop_set_proxy, 2)       \
  X(ffi_loop_stop, 0)            \
  X(ffi_lookup, 3)               \
  X(ffi_part, 1)                 \
  X(ffi_part_size, 1)            \
  X(ffi_part_candidates, 1)      \
  X(ffi_program_exec, 2)         \
  X(ffi_public_services, 0)      \
  X(ffi_recorder_new, 1)         \
  X(ffi_recorder_session, 1)     \
  X(ffi_recorder_write, 1)       \
  X(ffi_result_open, 4)          \
  X(ffi_result_read, 2)          \
  X(ffi_result_waits, 1)         \
  X(ffi_sanitize, 1)             \
  X(ffi_serialize, 2)            \
  X(ffi_server_info, 1)          \
  X(ffi_server_new, 2)           \
  X(ffi_task_cancel, 2)          \
  X(ffi_task_condition, 1)       \
  X(ffi_task_dropped, 1)         \
  X(ffi_task_error, 1)           \
  X(ffi_task_is_sending, 1)      \
  X(ffi_task_loss, 1)            \
  X(ffi_task_progress, 1)        \
  X(ffi_task_result_bytes, 1)    \
  X(ffi_task_settle, 1)          \
  X(ffi_task_starts, 1)          \
  X(ffi_task_state, 1)           \
  X(ffi_task_submit, 6)          \
  X(ffi_task_times, 1)           \
  X(ffi_task_worker, 1)          \
  X(ffi_terminal_width, 0)       \
  X(ffi_terminate_catch, 0)      \
  X(ffi_terminate_release, 0)    \
  X(ffi_terminate_take, 0)       \
  X(ffi_token_is, 2)             \
  X(ffi_token_new, 0)            \
  X(ffi_transfer_confirm, 2)     \
  X(ffi_transfer_new, 2)         \
  X(ffi_transfer_status, 1)      \
  X(ffi_transfer_text, 1)        \
  X(ffi_transfer_wait, 3)        \
  X(ffi_unserialize, 4)          \
  X(ffi_watch_fds, 1)            \
  X(ffi_watch_new, 1)            \
  X(ffi_watch_poll, 1)           \
  X(ffi_worker_drain, 1)         \
  X(ffi_worker_idle, 1)          \
  X(ffi_worker_is_done, 1)       \
  X(ffi_worker_new, 2)           \
  X(ffi_worker_news, 1)          \
  X(ffi_worker_report, 1)        \
  X(ffi_worker_set_policy, 2)
/* clang-format on */

/* Declared here, defined in src/r/. R checks the number of arguments. */
#define DECLARE_0 void
#define DECLARE_1 SEXP
#define DECLARE_2 SEXP, SEXP
#define DECLARE_3 SEXP, SEXP, SEXP
#define DECLARE_4 SEXP, SEXP, SEXP, SEXP
#define DECLARE_5 SEXP, SEXP, SEXP, SEXP, SEXP
#define DECLARE_6 SEXP, SEXP, SEXP, SEXP, SEXP, SEXP
#define DECLARE(name, n) SEXP name(DECLARE_##n);
ENTRIES(DECLARE)

/* Converting by way of void (*)(void) avoids -Wcast-function-type. */
#define REGISTER(name, n) {#name, (DL_FUNC)(void (*)(void)) & name, n},
static const R_CallMethodDef entries[] = {ENTRIES(REGISTER){NULL, NULL, 0}};

attribute_visible void R_init_future_p2p(DllInfo *dll) {
  p2p_standard_files_open(); /* before there is any pipe or socket of ours */
  R_registerRoutines(dll, NULL, entries, NULL, NULL);
  R_useDynamicSymbols(dll, FALSE);
  R_forceSymbols(dll, TRUE);
}

attribute_visible void R_unload_future_p2p(DllInfo *dll) {
  (void)dll;
  p2p_ffi_loop_stop();
}
