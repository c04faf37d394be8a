//! The command `confab`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A page of messages is made of thousands of small pieces, which the C library's allocator hands out and takes back for
/// more than this one does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    confab::cli::main()
}
