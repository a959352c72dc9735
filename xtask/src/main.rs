//! The tasks of the project, one command each: `cargo xtask help` lists them.
#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a task runner measures how long real commands take")]

mod suite;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <task>

  test                     everything: format, lints, laws, tests, and the unmodified clients against the binary
  test --only STEP[,STEP]  these steps alone (a step that needs the binary builds it first)
  test --list              the steps, in their order
  tidy                     the laws of the house that the compiler does not know
  help                     this page
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test", options @ ..] => suite::main(&root(), options),
        ["tidy"] => tidy::main(&root()),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}

/// The root of the checkout: the parent of this crate's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("this crate lies one folder below the root").to_path_buf()
}
