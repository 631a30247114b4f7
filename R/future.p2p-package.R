#' future.p2p: A Future Backend for Peer-to-Peer Clusters among Friends
#'
#' Share the computers of friends and colleagues as one cluster, wherever they are.
#'
#' **Try it**
#' * [demo_cluster()]: a whole cluster in this R session, at once, without an account
#'
#' **Use a cluster**
#' * [cluster]: `plan(future.p2p::cluster, cluster = "alice/friends")`. [resources]: futures that need memory, cores or a certain worker
#' * [status()] and [dashboard()]: who is there, and where are my futures? [worker_of()]: which worker has this one?
#' * [performance_report()]: what took the time? [contributions()]: who gave how much, and [a picture][plot.p2p_contributions] of it.
#'
#' **Lend a computer**
#' * [worker()]: `Rscript -e future.p2p::worker --cluster=alice/friends`
#' * [worker_control()]: see, pause and end it. [install_service()]: start it with your session.
#'
#' **Host a cluster**
#' * [host_cluster()]: `future.p2p::host_cluster("alice/friends", users = c("bob", "carol"))`
#' * [invite()] and [join()]: bring in a device by a code. [members()], [approve()] and [expel()]: who may stay.
#'
#' **And also**
#' * [doctor()]: find out what is wrong. [pico_username()]: as whom does the message board know me?
#' * [serve()]: run your own message board, for a lab or without internet access
#' * [wormhole_send()] and [wormhole_receive()]: transfer a file or a text. [find_wormhole()]: the program for it
#' * [future.p2p.options]: options and environment variables
#'
#' New here? See `vignette("future-p2p", package = "future.p2p")`. What a message means: `vignette("future-p2p-errors", package = "future.p2p")`.
#'
#' Clients and workers meet on a message board over SSH. They exchange futures and results over encrypted peer-to-peer connections
#' (Magic Wormhole).
#'
#' @section Trust:
#' Anyone who may use a cluster can run any R code on its workers. Workers of shared clusters run it in a sandbox, without access to
#' your files, your other programs and your network: see [worker()], which also says what the sandbox does not do. With
#' `worker(sandbox = "none")`, and on your personal cluster, the code can do whatever your account can. Clients have no sandbox: results are
#' objects that others have made, and may contain functions.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#' fs <- lapply(1:3, function(i) future(sqrt(i)))
#' unlist(value(fs))
#' status()
#' close(demo)
#' @seealso The package [future][future::future], whose functions use the cluster.
#' @useDynLib future.p2p, .registration = TRUE
#' @keywords internal
"_PACKAGE"
