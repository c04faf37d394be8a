//! The command `confab`.

use std::process::ExitCode;

fn main() -> ExitCode {
    confab::cli::main()
}
