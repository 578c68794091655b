//! `netrec man`: manual pages, generated from the definition of the command line.

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
    // Sets the page names of the commands, such as `netrec-record`.
    program.build();
    if let Some(folder) = &arguments.output {
        write_all(&program, folder)?;
    } else {
        let page = page(&program, command(&program, arguments.command.as_deref())?)?;
        stdout::document(|out| out.write_all(&page));
    }
    Ok(Done::Well)
}

/// A command by its name; without a name, the program itself.
fn command<'a>(program: &'a Command, name: Option<&str>) -> Result<&'a Command> {
    let Some(name) = name else { return Ok(program) };
    let prefix = format!("{}-", program.get_name());
    let short = |command: &Command| page_name(command).trim_start_matches(&prefix).to_owned();
    pages(program).into_iter().skip(1).find(|command| short(command) == name).ok_or_else(|| {
        let names: Vec<String> = pages(program).into_iter().skip(1).map(short).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let advice = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("expected one of {}", names.join(", ")),
        };
        Error::Usage(format!("unknown command {name:?}: {advice}"))
    })
}

/// The program, its commands, and their subcommands.
fn pages(program: &Command) -> Vec<&Command> {
    let of_command = |command| std::iter::once(command).chain(Command::get_subcommands(command));
    // `help` would list each command again.
    let commands = program.get_subcommands().filter(|command| has_page(command)).flat_map(of_command);
    std::iter::once(program).chain(commands.filter(|command| has_page(command))).collect()
}

/// The page's name, such as `netrec-fleet-map`.
fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// Sections that every command's page takes from the program's help.
const SHARED: [&str; 2] = ["EXIT STATUS", "ENVIRONMENT"];

fn page(program: &Command, command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    render(command, &mut page).map_err(Error::Stdout)?;
    let own = sections(command);
    let shared = sections(program).into_iter().filter(|(heading, _)| {
        SHARED.contains(&heading.as_str()) && !own.iter().any(|(there, _)| there == heading)
    });
    for (heading, text) in own.iter().cloned().chain(shared) {
        page.extend(section(&heading, &text).into_bytes());
    }
    page.extend(see_also(program, command).into_bytes());
    Ok(page)
}

/// Renders everything except the text after the options, which becomes separate sections.
fn render(command: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    Ok(())
}

/// The paragraphs after the options, each `Heading: text`, by section heading.
fn sections(command: &Command) -> Vec<(String, String)> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let paragraphs = help.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    let named = paragraphs.map(|paragraph| match paragraph.split_once(':') {
        Some((heading, text)) if heading.len() < 20 && !heading.contains('\n') => {
            let heading =
                if heading == "Exit codes" { "EXIT STATUS".to_owned() } else { heading.to_uppercase() };
            (heading, text.trim_matches('\n').to_owned())
        }
        _ => ("NOTES".to_owned(), paragraph.to_owned()),
    });
    named.collect()
}

/// A section in roff. Lines that begin with a blank are kept as they are.
fn section(heading: &str, text: &str) -> String {
    let is_literal = text.starts_with(' ') && text.contains('\n');
    let text: Vec<String> = text.lines().map(roff).collect();
    let body = text.join("\n");
    if is_literal {
        format!(".SH \"{heading}\"\n.nf\n{body}\n.fi\n")
    } else {
        format!(".SH \"{heading}\"\n{}\n", body.trim_start())
    }
}

/// Escapes what a formatter would read as a command or a hyphen.
fn roff(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

fn see_also(program: &Command, command: &Command) -> String {
    let others = std::iter::once(program).chain(program.get_subcommands());
    let others = others.filter(|other| has_page(other) && page_name(other) != page_name(command));
    let list: Vec<String> = others.map(|other| format!("\\fB{}\\fR(1)", roff(page_name(other)))).collect();
    format!(".SH \"SEE ALSO\"\n{}\n", list.join(",\n"))
}

/// Whether a command has a page: `help` has none.
fn has_page(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

/// Writes a world-readable page, replacing one that netrec wrote.
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
    let commands = pages(program);
    for command in &commands {
        write(&folder.join(format!("{}.1", page_name(command))), &page(program, command)?)?;
    }
    tell!("{}: {}", shown(folder), humanize::plural(commands.len() as u64, "page"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(name: &str) -> String {
        let mut program = crate::cli::Arguments::command();
        program.build();
        let command = command(&program, (name != "netrec").then_some(name)).unwrap();
        String::from_utf8(page(&program, command).unwrap()).unwrap()
    }

    #[test]
    fn every_page_has_examples_exit_codes_and_the_environment() {
        let mut program = crate::cli::Arguments::command();
        program.build();
        let commands = pages(&program);
        assert!(commands.iter().any(|command| page_name(command) == "netrec-fleet-submit"));
        for command in commands.into_iter().skip(1) {
            let page = page_of(page_name(command).trim_start_matches("netrec-"));
            for heading in ["EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"] {
                let count = page.matches(&format!(".SH \"{heading}\"\n")).count();
                assert_eq!(count, 1, "{heading} in the page of {}", command.get_name());
            }
        }
        assert!(page_of("netrec").contains("NETREC_LOG"));
    }

    #[test]
    fn a_line_of_text_is_never_a_command_of_the_formatter() {
        assert_eq!(roff(".SH x"), "\\&.SH x");
        assert_eq!(roff("a\\b --c"), "a\\eb \\-\\-c");
    }
}
