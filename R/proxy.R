## Connections to mailbox server, relay and message board use the HTTP proxy of the environment, with CONNECT. This is what https_proxy is
## for; without it, http_proxy is used. It is read each time, so that Sys.setenv() has an effect.
use_proxy <- function() {
  proxy <- if (is.null(demo_folder())) first_of_env("https_proxy", "HTTPS_PROXY", "http_proxy") else ""
  .Call(ffi_loop_set_proxy, proxy, first_of_env("no_proxy", "NO_PROXY"))
}

## The first variable that is set and not empty, or else "". HTTP_PROXY is not used: in a CGI program, clients can set it.
first_of_env <- function(...) {
  values <- Sys.getenv(c(...))
  c(values[nzchar(values)], "")[[1L]]
}
