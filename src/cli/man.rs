//! `netrec man`: the manual pages, from the one definition of the command line.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Done, paths, shown, stdout};
use crate::safe_fs::{NewFile, Replace};
use crate::{Error, Result, humanize, suggest};

const EXAMPLES: &str = "Examples:\n\
\x20 netrec man > netrec.1\n\
\x20 netrec man record > netrec-record.1\n\
\x20 netrec man --output man1";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The command whose page to print [default: the page of netrec itself]
    #[arg(conflicts_with = "output")]
    command: Option<String>,
    /// Write every page into this folder
    #[arg(short, long, value_name = "DIR", value_parser = paths::folder())]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Done> {
    let mut program = super::Arguments::command();
    // Gives the commands the names of their pages: `netrec-record`.
    program.build();
    if let Some(folder) = &arguments.output {
        write_all(&program, folder)?;
    } else {
        let page = page(command(&program, arguments.command.as_deref())?)?;
        stdout::document(|out| out.write_all(&page));
    }
    Ok(Done::Well)
}

/// A command by its name; without one the program itself.
fn command<'a>(program: &'a Command, name: Option<&str>) -> Result<&'a Command> {
    let Some(name) = name else { return Ok(program) };
    program.find_subcommand(name).ok_or_else(|| {
        let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
        let advice = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", names.join(", ")),
        };
        Error::Usage(format!("there is no command {name:?}: {advice}"))
    })
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).map_err(Error::Stdout)?;
    Ok(page)
}

/// Writes a page, which everyone may read; an earlier one by netrec is replaced.
fn write(path: &Path, page: &[u8]) -> Result<()> {
    let is_ours = |text: String| text.contains(".TH netrec");
    if path.symlink_metadata().is_ok() && !fs::read_to_string(path).is_ok_and(is_ours) {
        let reason = "it is not a page by netrec".to_owned();
        return Err(Error::Foreign { path: path.to_path_buf(), reason });
    }
    let mut file = NewFile::create(path, Replace::Yes)?;
    file.write_all(page).and_then(|()| file.let_all_read()).map_err(Error::io("write", path))?;
    file.commit().map(drop)
}

fn write_all(program: &Command, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let commands = std::iter::once(program).chain(program.get_subcommands());
    let mut pages = 0;
    for command in commands.filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let path = folder.join(format!("{name}.1"));
        write(&path, &page(command)?)?;
        pages += 1;
    }
    say!("{}: {}", shown(folder), humanize::plural(pages, "page"));
    Ok(())
}
