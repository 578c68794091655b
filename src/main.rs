//! The `netrec` program: parse, run, map an error to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    netrec::cli::main()
}
