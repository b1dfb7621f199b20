//! The layers as the tables at the top of `lib.rs` and of `tui/mod.rs` have them, held against what the
//! source imports.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules whose layers are in a table: their folder below `src`, their path, and the source with the
/// table.
const TABLES: [(&str, &str, &str); 2] = [
    ("", "crate::", include_str!("lib.rs")),
    ("tui", "crate::tui::", include_str!("tui/mod.rs")),
];

/// Crates and parts of the standard library that belong to some layers alone.
const OUTSIDE: [(&str, &[&str]); 12] = [
    ("axum", &["server"]),
    ("clap", &["cli"]),
    ("crossterm", &["tui"]),
    ("hyper", &["config", "model", "server", "setup"]),
    ("hyper_util", &["model", "server"]),
    ("ratatui", &["config", "tui"]),
    ("rusqlite", &["journal"]),
    ("syntect", &["tui"]),
    ("tokio_rustls", &["model"]),
    ("tui_textarea", &["tui"]),
    ("tungstenite", &["server"]),
    ("std::env", &["environment", "setup", "tui"]),
];

/// What the wire formats do without, so that all their bytes can be tested without any of it.
const NOT_IN_API: [&str; 8] = [
    "jiff",
    "rustix",
    "std::fs",
    "std::net",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "uuid",
];

#[test]
fn each_layer_imports_only_what_is_below_it() {
    let mut wrong = Vec::new();
    for (folder, path, table) in TABLES {
        let rows = rows(table);
        for (file, source) in sources() {
            let Ok(file) = file.strip_prefix(folder) else {
                continue;
            };
            let own = layer(file);
            let Some(&row) = rows.get(&own) else {
                continue;
            };
            // Where `super` is the module with the table.
            let is_child = match file.iter().count() {
                1 => true,
                2 => file.ends_with("mod.rs"),
                _ => false,
            };
            let paths: &[&str] = if is_child {
                &[path, "super::"]
            } else {
                &[path]
            };
            for (line, name) in paths.iter().flat_map(|path| imports(&source, path)) {
                if name != own && rows.get(&name).is_none_or(|&below| below <= row) {
                    wrong.push(format!("{folder}/{}:{line} uses {name}", file.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not below in the table of src/lib.rs or src/tui/mod.rs:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_module_has_its_layer() {
    for (_, path, source) in TABLES {
        let rows = rows(source);
        let modules = source.lines().filter_map(|line| {
            let (_, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
            Some(name)
        });
        let without: Vec<_> = modules
            .filter(|name| *name != "layers" && !rows.contains_key(*name))
            .collect();
        assert!(
            without.is_empty(),
            "not in the table of {path}: {without:?}"
        );
    }
}

#[test]
fn what_comes_from_outside_stays_in_its_layers() {
    let mut wrong = Vec::new();
    for (file, source) in sources() {
        let layer = layer(&file);
        let at_home = |homes: &[&str]| layer == "main" || homes.contains(&layer.as_str());
        let foreign = OUTSIDE.iter().filter(|(_, homes)| !at_home(homes));
        let foreign = foreign.map(|(name, _)| *name);
        let banned = NOT_IN_API.into_iter().filter(|_| layer == "api");
        for name in foreign.chain(banned) {
            let path = format!("{name}::");
            let uses = |line: &str| after(line, &path).next().is_some();
            if let Some(at) = code(&source).find(|(_, line)| uses(line)) {
                wrong.push(format!("{}:{} uses {name}", file.display(), at.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The rows of the table in a source, counted from the top, by the modules in their first column.
fn rows(source: &str) -> HashMap<String, usize> {
    let table = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"));
    let mut rows = HashMap::new();
    for (row, line) in table.enumerate() {
        let (names, _) = line.split_once(" |").unwrap();
        let names = names.trim_end_matches("`]").split("`], [`");
        rows.extend(names.map(|name| (name.to_owned(), row)));
    }
    rows
}

/// All source files of the library but those of tests, and what is in them.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if name == "layers.rs" || name.contains("tests") {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let source = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), source));
            }
        }
    }
    found
}

/// The layer that a file belongs to: the name of its outermost folder, or its own.
fn layer(file: &Path) -> String {
    let first = file.iter().next().unwrap().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The lines of a source that are neither comments nor tests, with their numbers.
fn code(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(source.lines());
    let lines = lines.take_while(|(_, line)| *line != "#[cfg(test)]" && *line != "mod tests {");
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The modules at this path that a source names, and in which lines.
fn imports(source: &str, path: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut group = None;
    for (number, line) in code(source) {
        for rest in after(line, path) {
            if let Some(inside) = rest.strip_prefix('{') {
                group = Some((number, 0));
                members(number, inside, &mut group, &mut found);
            } else {
                found.push((number, word(rest)));
            }
        }
        if group.is_some_and(|(begun, _)| begun != number) {
            members(number, line, &mut group, &mut found);
        }
    }
    found.retain(|(_, name)| name.starts_with(|c: char| c.is_ascii_lowercase()));
    found
}

/// Goes through a line of `use crate::{...}`, of which the members at depth 0 are modules at that path.
fn members(
    number: usize,
    line: &str,
    group: &mut Option<(usize, usize)>,
    found: &mut Vec<(usize, String)>,
) {
    let mut is_new = true;
    for (at, c) in line.char_indices() {
        let Some((_, depth)) = group else { return };
        match c {
            '{' => *depth += 1,
            '}' if *depth == 0 => *group = None,
            '}' => *depth -= 1,
            ',' => is_new = true,
            ' ' => {}
            _ => {
                if is_new && *depth == 0 {
                    found.push((number, word(&line[at..])));
                }
                is_new = false;
            }
        }
    }
}

/// What follows a path wherever it stands as a whole in a line.
fn after<'a>(line: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    let is_whole = |at: usize| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | ':' | '$' | '`'))
    };
    let places = line
        .match_indices(path)
        .filter(move |(at, _)| is_whole(*at));
    places.map(move |(at, _)| &line[at + path.len()..])
}

fn word(text: &str) -> String {
    let is_letter = |c: &char| c.is_alphanumeric() || *c == '_';
    text.chars().take_while(is_letter).collect()
}

#[test]
fn imports_are_found_in_every_form() {
    let source = "use crate::{\n    api::{Body, Item}, hash,\n};\nuse crate::store::Store;\n\
                  // crate::tui is only spoken of\nlet x = crate::draft::of(crate::rules::none());\n\
                  #[cfg(test)]\nmod tests {\n    use crate::server;\n}\n";
    let found = [
        (2, "api"),
        (2, "hash"),
        (4, "store"),
        (6, "draft"),
        (6, "rules"),
    ];
    assert_eq!(
        imports(source, "crate::"),
        found.map(|(line, name)| (line, name.to_owned()))
    );
}
