.onLoad <- function(libname, pkgname) {
  set_options_from_environment()
  import_future()
  attr(cluster, "factory") <<- P2PFutureBackend
}

.onUnload <- function(libpath) {
  clients$close_all()
  gc() # what nobody holds any more runs its finalizer before the library goes
  ## A future that somebody still holds has one of ours, too: R would jump into code that is gone.
  if (.Call(ffi_handles_live) == 0L) library.dynam.unload("future.p2p", libpath)
}
