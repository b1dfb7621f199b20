//! README, book, help and the example of a configuration say the same: keys, kinds of reply, routes,
//! commands, variables and configuration keys are those of the program. What they tell people to type is tried
//! in `examples`.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use crate::examples::block;
use crate::support::costs::COSTS;
use clap::CommandFactory;
use humanllm::agents::AutoAnswered;
use humanllm::cli::Cli;
use humanllm::config::{self, ConfigError, Flags, ValueProblem};
use humanllm::environment::Environment;
use humanllm::inbox;
use humanllm::server::{Limits, Server, ServerSettings, router};
use humanllm::setup::agents::AgentProgram;
use humanllm::setup::check::CheckStep;
use humanllm::setup::codex;
use humanllm::setup::guide::{Guide, Sdks};
use humanllm::store::Store;
use humanllm::study::Study;
use humanllm::tui::composer::ReplyKind;
use humanllm::tui::keys::action::Action;
use humanllm::tui::theme::Role;
use pulldown_cmark::{Event, Parser, Tag};
use tokio::sync::watch;

/// A file of the project.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The example of a configuration.
fn example() -> String {
    read("config.example.toml")
}

/// The rows of the table of a page whose head begins like this, as their cells.
fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let (_, below) = text
        .split_once(&format!("\n| {head} |"))
        .unwrap_or_else(|| panic!("no table {head:?} in {page}"));
    let rows = below
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    rows.map(cells).collect()
}

/// The words of a cell that stand in backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_action_stands_in_the_table_of_keys_as_in_the_help() {
    let rows = table("docs/keys.md", "Keys | What they do");
    assert_eq!(rows.len(), Action::ALL.len());
    for (row, action) in rows.iter().zip(Action::ALL) {
        assert_eq!(code(&row[2]), [action.name()]);
        assert_eq!(code(&row[0]), action.default_keys(), "{action}");
        // The page may say more than there is room for on the screen.
        let said = row[1].replace('`', "");
        assert!(
            said.starts_with(&action.description().replace('`', "")),
            "{said}"
        );
    }
}

#[test]
fn every_kind_of_reply_stands_in_its_table() {
    let documented: Vec<String> = table("docs/replies.md", "Kind | What it does")
        .into_iter()
        .map(|row| row[0].replace("**", ""))
        .collect();
    assert_eq!(documented, ReplyKind::ALL.map(ReplyKind::label));
}

#[test]
fn the_costs_of_replies_are_those_that_are_counted() {
    let documented: Vec<(String, String, usize)> = table("docs/replies.md", "Reply | Keys")
        .into_iter()
        .map(|row| {
            let cost = row[2].parse().expect("a number");
            (row[0].clone(), code(&row[1]).join(", "), cost)
        })
        .collect();
    let counted = COSTS
        .iter()
        .map(|(reply, keys, cost)| ((*reply).to_owned(), (*keys).to_owned(), *cost));
    assert_eq!(documented, counted.collect::<Vec<_>>());
    for (reply, keys, cost) in COSTS {
        assert_eq!(keys.split(", ").count(), *cost, "{reply}");
    }
}

#[test]
fn the_versions_of_clients_are_those_that_are_tested() {
    let script = read(".ci/run");
    let clients = table("docs/clients.md", "Client | Version");
    assert!(clients.len() >= 8, "{clients:?}");
    let agents = table("docs/agents/README.md", "Agent | Tried");
    assert!(agents.len() >= 6, "{agents:?}");
    for cells in clients.iter().chain(&agents) {
        for version in cells[1].split(" and ") {
            let pinned = format!("_VERSION:-{version}}}");
            assert!(script.contains(&pinned), "{} {version}", cells[0]);
        }
    }
}

#[test]
fn every_agent_that_can_be_set_up_stands_in_its_table() {
    let documented: Vec<(String, String)> = table("docs/agents/README.md", "Agent | Tried")
        .into_iter()
        .map(|row| {
            let title = row[0].trim_start_matches('[').split(']').next();
            let name = code(&row[3])[0].to_owned();
            (title.expect("a title").to_owned(), name)
        })
        .collect();
    let agents: Vec<(String, String)> = AgentProgram::ALL
        .iter()
        .filter(|agent| **agent != codex::AGENT)
        .map(|agent| (agent.title.to_owned(), agent.name.to_owned()))
        .collect();
    assert_eq!(documented, agents);
    let readme = read("README.md");
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    for (title, _) in &agents {
        assert!(readme.contains(title), "{title} is not in the README");
    }
}

#[test]
fn the_exit_codes_of_a_check_are_those_of_its_steps() {
    let page = read("docs/agents/README.md");
    let sentence = page.split("says what failed first: ").nth(1);
    let sentence = sentence.and_then(|rest| rest.split('.').next());
    let sentence = sentence.expect("a sentence").replace('\n', " ");
    let documented: Vec<&str> = sentence.split(", ").collect();
    let steps = [
        (CheckStep::Server, "server"),
        (CheckStep::Program, "program"),
        (CheckStep::SetUp, "set-up"),
        (CheckStep::Request, "request"),
        (CheckStep::Answer, "answer"),
    ];
    let steps = steps.map(|(step, name)| format!("{} the {name}", step.exit_code()));
    assert_eq!(documented, steps);
}

/// The names of variables in a text, except those of the tests.
fn variables(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
        .filter(|word| word.starts_with("HUMANLLM_") && !word.starts_with("HUMANLLM_TEST_"))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn the_variables_of_the_sdks_have_the_values_that_setup_prints() {
    let rows = table("docs/clients.md", "Variable | Value");
    let documented: Vec<(&str, &str)> = rows
        .iter()
        .flat_map(|row| {
            let value = code(&row[1])[0];
            code(&row[0]).into_iter().map(move |name| (name, value))
        })
        .collect();
    let environment = Environment::with_home("/nowhere");
    let config = config::load(&Flags::default(), &environment).expect("defaults");
    let guide = Guide::new(&Flags::default(), &config, &environment).expect("an address");
    let printed = guide.env(Sdks::ALL);
    for (name, value) in &documented {
        let line = format!("export {name}='{value}'\n");
        assert!(printed.contains(&line), "no {line} in\n{printed}");
    }
    assert_eq!(documented.len(), printed.lines().count());
}

#[test]
fn every_variable_of_the_help_stands_in_the_book() {
    let help = Cli::command().render_long_help().to_string();
    let help = variables(&help);
    assert!(help.len() >= 4, "{help:?}");
    assert_eq!(variables(&read("docs/configuration.md")), help);
    let pages = pages();
    let all: String = pages.iter().map(|page| read(page)).collect();
    assert_eq!(variables(&all), help);
}

/// The README, the project's other papers, and all pages of the book.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = block::pages().into_iter().map(|page| {
        let page = page.strip_prefix(root).expect("below");
        page.to_str().expect("UTF-8").to_owned()
    });
    let found: Vec<String> = found.collect();
    assert!(found.len() > 20, "{found:?}");
    found
}

#[test]
fn every_page_is_in_the_book_and_every_link_leads_somewhere() {
    let summary = read("docs/SUMMARY.md");
    for page in pages() {
        let (folder, _) = page.rsplit_once('/').unwrap_or(("", ""));
        if let Some(name) = page
            .strip_prefix("docs/")
            .filter(|name| *name != "SUMMARY.md")
        {
            assert!(
                summary.contains(&format!("({name})")),
                "{page} is not in the book"
            );
        }
        for link in links(&read(&page)) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => page.clone(),
                path => plain_path(&format!("{folder}/{path}")),
            };
            // The book is built of this folder alone.
            assert!(
                !page.starts_with("docs/") || target.starts_with("docs/"),
                "{page}: {link} leaves the book"
            );
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&target);
            assert!(file.exists(), "{page}: {link} leads nowhere");
            if !anchor.is_empty() {
                assert!(anchors(&read(&target)).contains(anchor), "{page}: {link}");
            }
        }
    }
}

/// A path without `..`.
fn plain_path(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Where the links and pictures of a page lead to.
fn links(text: &str) -> Vec<String> {
    let of_event = |event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    };
    Parser::new(text).filter_map(of_event).collect()
}

/// The names by which the headings of a page are linked to.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then_some(title.trim())
    });
    let name = |title: &str| {
        let kept = title.to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}

#[test]
fn the_layers_of_the_book_are_those_of_the_source() {
    let source = read("src/lib.rs");
    let rows = source
        .lines()
        .filter_map(|line| line.strip_prefix("//! | [`"));
    // The first cell; what the layers do is said in other words there.
    let names = |row: &str| {
        let cell = row.split(" | ").next().expect("a cell").to_owned();
        let cell = cell.replace(['[', ']', '`'], "");
        cell.split(", ").map(str::to_owned).collect()
    };
    let layers: Vec<Vec<String>> = rows.map(names).collect();
    assert!(layers.len() > 10, "{layers:?}");
    let documented = table("docs/architecture.md", "Layer | What it does");
    let documented: Vec<Vec<String>> = documented
        .iter()
        .map(|row| code(&row[0]).into_iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(documented, layers);
}

#[test]
fn every_command_stands_in_the_book() {
    let all: String = pages().iter().map(|page| read(page)).collect();
    let all = all.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut commands = vec![(String::from("humanllm"), Cli::command())];
    while let Some((name, command)) = commands.pop() {
        assert!(all.contains(&name), "`{name}` is on no page");
        // Those of an agent are told by one example, and by the table of agents.
        let below = command.get_subcommands().filter(|below| {
            name != "humanllm setup" || AgentProgram::named(below.get_name()).is_none()
        });
        commands.extend(below.map(|below| (format!("{name} {}", below.get_name()), below.clone())));
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 150, "{lines} lines");
}

#[test]
fn every_configuration_key_is_explained_in_the_example() {
    let whole = example();
    for table in [
        "",
        "server",
        "inbox",
        "[model]",
        "drafting",
        "tui",
        "study",
        "[study.phase]",
    ] {
        let keys = known_keys(table);
        let example = whole.replace("\n# [[", "\n[[");
        let (_, section) = match table {
            "" => ("", example.as_str()),
            _ => example.split_once(&format!("\n[{table}]\n")).expect(table),
        };
        let section = section.split("\n[").next().expect("a part");
        for key in keys.iter().filter(|key| !is_table(&whole, key)) {
            let line = section.lines().position(|line| {
                let line = line.strip_prefix("# ").unwrap_or(line);
                line.starts_with(&format!("{key} = "))
            });
            let line = line.unwrap_or_else(|| panic!("{table}.{key} is not in the example"));
            let above = section.lines().take(line).last();
            assert!(
                above.is_some_and(|above| above.starts_with("# ")),
                "{table}.{key} has no comment above it"
            );
        }
    }
    for action in Action::ALL {
        let entry = format!("\n{action} = ");
        assert!(whole.contains(&entry), "{action} is not in the example");
    }
    for role in Role::ALL {
        let entry = format!("\n# {} = ", role.name());
        assert!(whole.contains(&entry), "{role:?} is not in the example");
    }
}

fn is_table(whole: &str, key: &str) -> bool {
    let heads = [
        format!("\n[{key}]\n"),
        format!("\n# [[{key}]]\n"),
        format!("\n# [[study.{key}]]\n"),
        // Of one table for each name.
        format!("\n# [study.{key}."),
    ];
    heads.iter().any(|head| whole.contains(head))
}

/// The keys of a table of the configuration, in brackets of which there may be several, as the program lists them to somebody who errs.
fn known_keys(table: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    let head = match table {
        "" => String::new(),
        table => format!("[{table}]\n"),
    };
    fs::write(&file, format!("{head}zzzzzzzzzzzzzzzz = 1\n")).expect("written");
    let flags = Flags {
        config: Some(file),
        ..Flags::default()
    };
    match config::load(&flags, &Environment::with_home(folder.path())) {
        Err(ConfigError::File {
            problem: ValueProblem::UnknownKey { known, .. },
            ..
        }) => known,
        other => panic!("expected an unknown key, got {other:?}"),
    }
}

#[test]
fn the_table_of_routes_is_what_the_server_has() {
    let rows = table("docs/api.md", "Route | What it does");
    let documented: Vec<&str> = rows.iter().map(|row| code(&row[0])[0]).collect();

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let (intake, _events) = inbox::channel(1, Store::new(10));
    let settings = ServerSettings {
        address,
        api_key: None,
        models: vec!["human".into()],
        max_body: 1_000,
        heartbeat: Duration::from_secs(10),
        socket_lifetime: humanllm::server::SOCKET_LIFETIME,
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        answered: AutoAnswered::default(),
        study: Study::default(),
        limits: Limits::new(1_024, 1_000, 100),
    };
    let (stop, stopped) = watch::channel(false);
    let (server, _closed) = Server::new(listener, router(intake, settings), stopped);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.spawn(server.serve());

    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .build();
    let agent = config.new_agent();
    let mut lost = agent
        .get(format!("http://{address}/nowhere"))
        .call()
        .expect("an answer");
    assert_eq!(lost.status(), 404);
    let lost = lost.body_mut().read_to_string().expect("text");
    let routes = format!("This server has: {}.", documented.join(", "));
    assert!(lost.contains(&routes), "{lost}");

    for route in documented {
        let (method, path) = route.split_once(' ').expect("method and path");
        let url = format!("http://{address}{}", path.replace("{id}", "human"));
        let mut answer = match method {
            "POST" => agent.post(url).send("{}").expect("an answer"),
            "DELETE" => agent.delete(url).call().expect("an answer"),
            _ => agent.get(url).call().expect("an answer"),
        };
        // What is there may complain about the request, but not about the address.
        let answer = answer.body_mut().read_to_string().expect("text");
        for code in ["unknown_url", "method_not_allowed"] {
            assert!(!answer.contains(code), "{route}: {answer}");
        }
    }
    stop.send_replace(true);
    runtime
        .block_on(server)
        .expect("no panic")
        .expect("no error");
}
