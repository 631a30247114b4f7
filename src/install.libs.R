## What R CMD INSTALL would do without this file, and the program `wormhole`.
libs <- file.path(R_PACKAGE_DIR, paste0("libs", R_ARCH))
bin <- file.path(R_PACKAGE_DIR, "bin")
for (dir in c(libs, bin)) dir.create(dir, recursive = TRUE, showWarnings = FALSE)
files <- c(Sys.glob(paste0("*", SHLIB_EXT)), if (file.exists("symbols.rds")) "symbols.rds")
program <- file.path(bin, "wormhole")
stopifnot(file.copy(files, libs, overwrite = TRUE), file.copy("wormhole-program", program, overwrite = TRUE))
Sys.chmod(program, "0755", use_umask = FALSE) # for all who may use the package, whatever the umask of who installs it
