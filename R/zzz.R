.onLoad <- function(libname, pkgname) {
  set_options_from_environment()
  import_future()
  attr(cluster, "factory") <<- P2PFutureBackend
  attr(cluster, "tweakable") <<- p2p_tweakable()
}

.onUnload <- function(libpath) {
  clients$close_all()
  gc() # what else holds the core runs its finalizer before the library goes
  library.dynam.unload("future.p2p", libpath)
}
