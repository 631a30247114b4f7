#' future.p2p: A Future Backend for Peer-to-Peer Clusters among Friends
#'
#' Share the computers of friends and colleagues as one cluster, wherever they are:
#'
#' * [cluster]: use a cluster, `plan(future.p2p::cluster, cluster = "alice/friends")`
#' * [worker()]: add your machine to it, `Rscript -e future.p2p::worker --cluster=alice/friends`
#' * [host_cluster()]: choose who has access, `future.p2p::host_cluster("alice/friends", users = c("bob", "carol"))`
#' * [serve()]: run your own message board, for a lab or without internet access
#' * [doctor()]: find out what is wrong
#' * [wormhole_send()] and [wormhole_receive()]: transfer a file or a text
#'
#' Clients and workers meet on a message board over SSH. They exchange futures and results over encrypted peer-to-peer connections
#' (Magic Wormhole). See [future.p2p.options] for the options.
#'
#' @section Trust:
#' Anyone who may use a cluster can run any R code on its workers. Workers of shared clusters run it in a sandbox, without access to
#' your files, your other programs and your network: see [worker()], which also says what the sandbox does not do. With
#' `worker(sandbox = "none")`, and on your personal cluster, the code can do whatever your account can. Clients have no sandbox: results are
#' objects that others have made, and may contain functions.
#'
#' @useDynLib future.p2p, .registration = TRUE
#' @keywords internal
"_PACKAGE"
