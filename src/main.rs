//! The program: crypto and allocator are chosen here, everything else is in the library.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Only fails when one is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tidegate::cli::main(std::env::args_os())
}
