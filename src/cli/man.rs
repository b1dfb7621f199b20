//! Manual pages, generated from the definition of the command line.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, EXAMPLES};

/// A manual page or its folder cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// The page of the program itself.
pub fn page() -> Vec<u8> {
    render(command())
}

/// Writes the pages of all commands to a folder, and returns the text to print.
pub fn write_to(folder: &Path) -> Result<String, WriteError> {
    let in_the_way = |path: &Path| {
        let path = path.to_owned();
        |source| WriteError { path, source }
    };
    fs::create_dir_all(folder).map_err(in_the_way(folder))?;
    let pages = pages(command());
    for (name, page) in &pages {
        let path = folder.join(name);
        fs::write(&path, page).map_err(in_the_way(&path))?;
    }
    let (count, folder) = (pages.len(), folder.display());
    Ok(format!("{count} manual pages written to {folder}\n"))
}

/// The command line, with the full names of all commands.
fn command() -> Command {
    // The page of `help` would only repeat the others.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    command
}

/// The pages of a command and all its subcommands, with their file names.
fn pages(command: Command) -> Vec<(String, Vec<u8>)> {
    let below: Vec<Command> = command.get_subcommands().cloned().collect();
    let name = Man::new(command.clone()).get_filename();
    let mut found = vec![(name, render(command))];
    found.extend(below.into_iter().flat_map(pages));
    found
}

fn render(command: Command) -> Vec<u8> {
    let is_program = command.get_name() == env!("CARGO_PKG_NAME");
    // The text after the help is a table, which clap_mangen would make a paragraph.
    let man = Man::new(command.after_help(Resettable::Reset));
    let mut page = Vec::new();
    man.source(concat!("humanllm ", env!("CARGO_PKG_VERSION")))
        .manual("humanllm")
        .render(&mut page)
        .expect("memory takes what is written to it");
    if is_program {
        page.extend(sections(EXAMPLES).into_bytes());
    }
    page
}

/// Sections of preformatted lines in roff.
fn sections(text: &str) -> String {
    let mut page = String::new();
    for section in text.split("\n\n") {
        let (head, lines) = section.split_once('\n').unwrap_or((section, ""));
        page += &format!(".SH {}\n.nf\n", head.trim_end_matches(':'));
        for line in lines.lines() {
            page += &escaped(line.strip_prefix("    ").unwrap_or(line));
            page.push('\n');
        }
        page += ".fi\n";
    }
    page
}

/// A line escaped for roff.
fn escaped(line: &str) -> String {
    // Roff replaces these ASCII characters by typographic ones.
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    let line = line
        .replace('\'', "\\(aq")
        .replace('`', "\\(ga")
        .replace('~', "\\(ti");
    if line.starts_with('.') {
        format!("\\&{line}")
    } else {
        line
    }
}
