#' future.p2p: A Future Backend for Peer-to-Peer Clusters among Friends
#'
#' Team up with friends and turn your idle computers into one cluster:
#'
#' * [cluster]: resolve futures on it, `plan(future.p2p::cluster, cluster = "alice/friends")`
#' * [worker()]: lend a machine, `Rscript -e future.p2p::worker --cluster=alice/friends`
#' * [host_cluster()]: say who may come, `future.p2p::host_cluster("alice/friends", users = c("bob", "carol"))`
#' * [serve()]: your own meeting place, for a lab or a machine without internet
#'
#' Clients and workers meet on a message board over SSH, and work over encrypted peer-to-peer
#' connections (Magic Wormhole). Options are listed in [future.p2p.options].
#'
#' @section Trust:
#' Whoever may use a cluster can run any R code on its workers. Only join clusters whose members you
#' all trust, or run workers in a sandbox (a container, a virtual machine).
#'
#' @useDynLib future.p2p, .registration = TRUE
#' @keywords internal
"_PACKAGE"
