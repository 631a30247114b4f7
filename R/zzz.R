.onLoad <- function(libname, pkgname) {
  set_options_from_environment()
  import_future()
  attr(cluster, "factory") <<- P2PFutureBackend
  attr(pico_p2p, "factory") <<- early_backend
  makeActiveBinding("host", host_binding, topenv())
}

## `host` is only for future.p2p::host-cluster, and must not replace an "object not found" of the user.
.onAttach <- function(libname, pkgname) {
  attached <- as.environment(paste0("package:", pkgname))
  rm(list = intersect("host", ls(attached)), envir = attached)
}

.onUnload <- function(libpath) {
  dashboards$each(close)
  clients$close_all()
  if (!is.null(demo_state$running)) close(demo_state$running)
  has_run <- .Call(ffi_loop_stop)
  gc() # runs the finalizers of handles that are not in use, while their code is loaded
  ## A future that is still in use has a handle, and the network thread has an exit handler: unloading their code would crash R.
  if (!has_run && .Call(ffi_handles_live) == 0L) library.dynam.unload("future.p2p", libpath)
}
