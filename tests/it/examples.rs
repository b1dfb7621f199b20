//! What README and book tell people to type works: each block of code is run, read or loaded, by the
//! word behind its fence. CONTRIBUTING.md has the words.
//!
//! Blocks that need a program of somebody else are skipped where it is not given, and say so:
//! `HUMANLLM_TEST_CODEX` and `HUMANLLM_TEST_CLAUDE` name agents, `HUMANLLM_TEST_DATASETS` a Python with
//! the library of that name.

pub mod block;
mod command_line;
mod scene;

use block::{Block, blocks, pages, spans};
use clap::Parser;
use clap::error::ErrorKind;
use command_line::commands;
use humanllm::cli::Cli;
use humanllm::config::{self, Flags};
use humanllm::environment::Environment;
use scene::{Scene, Session};
use serde_json::Value;

/// The blocks of all pages that are in this language.
fn blocks_in(language: &str) -> Vec<Block> {
    let all = pages().into_iter().flat_map(|page| blocks(&page));
    all.filter(|block| block.language == language).collect()
}

#[test]
fn every_block_says_what_it_is() {
    for page in pages() {
        for block in blocks(&page) {
            let known = [
                "sh", "toml", "json", "jsonl", "yaml", "python", "vim", "text",
            ];
            let language = block.language.as_str();
            assert!(known.contains(&language), "{block}: {language:?}");
        }
    }
}

#[test]
fn shell_examples_run() {
    let session = Session::record();
    let (mut run, mut skipped) = (0, 0);
    for block in blocks_in("sh").iter().filter(|block| block.is_run) {
        match Scene::of(block, &session) {
            Some(scene) => {
                scene.run();
                run += 1;
            }
            None => skipped += 1,
        }
    }
    assert!(run >= 10, "{run} run, {skipped} skipped");
}

#[test]
fn examples_of_other_languages_run() {
    let session = Session::record();
    let languages = ["python", "vim"].map(blocks_in);
    for block in languages.iter().flatten().filter(|block| block.is_run) {
        if let Some(scene) = Scene::of(block, &session) {
            scene.run();
        }
    }
}

#[test]
fn every_command_of_an_example_is_understood() {
    let mut count = 0;
    for page in pages() {
        for block in blocks(&page) {
            if ["sh", "yaml", "vim"].contains(&block.language.as_str()) {
                for words in commands(&block.text) {
                    let parsed = Cli::try_parse_from(&words);
                    assert!(is_understood(&parsed), "{block}: {words:?}: {parsed:?}");
                    count += 1;
                }
            }
        }
        for span in spans(&page) {
            for words in commands(&span) {
                let parsed = Cli::try_parse_from(&words);
                let kind = parsed.as_ref().err().map(clap::Error::kind);
                // In the text, a command may be named without what it takes.
                let is_name = matches!(
                    kind,
                    Some(
                        ErrorKind::MissingRequiredArgument
                            | ErrorKind::MissingSubcommand
                            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    )
                );
                assert!(
                    is_name || is_understood(&parsed),
                    "{}: {words:?}: {parsed:?}",
                    page.display()
                );
                count += 1;
            }
        }
    }
    assert!(count > 60, "{count} commands");
}

/// The examples of `--help` too.
#[test]
fn every_command_of_the_help_is_understood() {
    let help = <Cli as clap::CommandFactory>::command()
        .render_long_help()
        .to_string();
    let (_, examples) = help.split_once("EXAMPLES:\n").expect("examples");
    let (examples, _) = examples.split_once("\n\n").expect("an end");
    let mut count = 0;
    for line in examples.lines() {
        // What it does stands behind two spaces or more.
        let line = line.trim().split("   ").next().expect("a command");
        let line = line.replace("  ", " # ");
        for words in commands(&line) {
            let parsed = Cli::try_parse_from(&words);
            assert!(is_understood(&parsed), "{line}: {parsed:?}");
            count += 1;
        }
    }
    assert!(count > 15, "{count} commands");
}

fn is_understood(parsed: &Result<Cli, clap::Error>) -> bool {
    let kind = parsed.as_ref().err().map(clap::Error::kind);
    matches!(
        kind,
        None | Some(ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
    )
}

#[test]
fn configurations_load() {
    let blocks = blocks_in("toml");
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for block in blocks.iter().filter(|block| block.is_run) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, &block.text).expect("written");
        let flags = Flags {
            config: Some(file),
            ..Flags::default()
        };
        let loaded = config::load(&flags, &Environment::with_home(folder.path()));
        if let Err(error) = loaded {
            panic!("{block}: {error}");
        }
    }
}

#[test]
fn documents_are_json() {
    let whole = blocks_in("json").into_iter().map(|block| {
        let text = block.text.clone();
        (block, text)
    });
    let lines = blocks_in("jsonl").into_iter().flat_map(|block| {
        let lines: Vec<String> = block.text.lines().map(str::to_owned).collect();
        lines.into_iter().map(move |line| (block.clone(), line))
    });
    for (block, text) in whole.chain(lines).filter(|(block, _)| block.is_run) {
        let read: Result<Value, _> = serde_json::from_str(&text);
        assert!(read.is_ok(), "{block}: {read:?} in {text}");
    }
}
