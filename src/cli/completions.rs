//! `netrec completions`: prints a shell's completion script.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Done, stdout};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec completions bash > netrec.bash\n\
\x20 netrec completions zsh > _netrec\n\
\x20 netrec completions fish > netrec.fish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "netrec", &mut script);
    stdout::document(|out| out.write_all(&script));
    Done::Well
}
