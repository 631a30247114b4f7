## What R CMD INSTALL would do without this file, and the programs `wormhole`, `sandbox` and `gpus`.
libs <- file.path(R_PACKAGE_DIR, paste0("libs", R_ARCH))
bin <- file.path(R_PACKAGE_DIR, "bin")
for (dir in c(libs, bin)) dir.create(dir, recursive = TRUE, showWarnings = FALSE)
files <- c(Sys.glob(paste0("*", SHLIB_EXT)), if (file.exists("symbols.rds")) "symbols.rds")
programs <- file.path(bin, c("wormhole", "sandbox", "gpus"))
stopifnot(file.copy(files, libs, overwrite = TRUE), file.copy(paste0(basename(programs), "-program"), programs, overwrite = TRUE))
Sys.chmod(programs, "0755", use_umask = FALSE) # for all who may use the package, whatever the umask of who installs it
## Without their debugging symbols, which are most of their size.
built <- c(programs, file.path(libs, files[files != "symbols.rds"]))
if (Sys.info()[["sysname"]] == "Linux" && nzchar(Sys.which("strip"))) system2("strip", c("-S", shQuote(built)))
