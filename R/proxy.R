## The HTTP proxy by which mailbox, relay and message board are reached, if the environment has one. All of them by CONNECT, which is
## what https_proxy is for; where there is none, http_proxy. Read each time, so that Sys.setenv() has an effect.
use_proxy <- function() {
  .Call(ffi_loop_set_proxy, first_of_env("https_proxy", "HTTPS_PROXY", "http_proxy"), first_of_env("no_proxy", "NO_PROXY"))
}

## The first that is set and not empty, else "". HTTP_PROXY is not asked for: a web server sets it to what a client says.
first_of_env <- function(...) {
  values <- Sys.getenv(c(...))
  c(values[nzchar(values)], "")[[1L]]
}
