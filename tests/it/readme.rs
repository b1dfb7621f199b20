//! The README tells the truth: keys, kinds of reply, routes, variables and configuration keys are
//! those of the program.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use crate::support::costs::COSTS;
use clap::CommandFactory;
use humanllm::agents::Answered;
use humanllm::cli::Cli;
use humanllm::config::{self, ConfigError, Flags, Problem};
use humanllm::environment::Environment;
use humanllm::inbox;
use humanllm::server::{Limits, Server, Settings, router};
use humanllm::setup::agents::Agent;
use humanllm::setup::check::Step;
use humanllm::setup::codex;
use humanllm::setup::guide::{Guide, Sdks};
use humanllm::store::Store;
use humanllm::study::Study;
use humanllm::tui::composer::ReplyKind;
use humanllm::tui::keys::action::Action;
use humanllm::tui::theme::Role;
use tokio::sync::watch;

const README: &str = include_str!("../../README.md");
const EXAMPLE: &str = include_str!("../../config.example.toml");

/// The rows of the table below this heading, without its head, as their cells.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = README
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading:?} in the README"));
    let lines = section.lines().skip_while(|line| !line.starts_with('|'));
    let table = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |row: &'static str| row.trim_matches('|').split('|').map(str::trim).collect();
    table.map(cells).collect()
}

/// The words of a cell that stand in backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_action_stands_in_the_table_of_keys() {
    let documented: Vec<(Vec<&str>, &str)> = table("## Keys")
        .into_iter()
        .map(|row| (code(row[0]), code(row[2])[0]))
        .collect();
    let bound: Vec<(Vec<&str>, &str)> = Action::ALL
        .iter()
        .map(|action| (action.default_keys().to_vec(), action.name()))
        .collect();
    assert_eq!(documented, bound);
}

#[test]
fn every_kind_of_reply_stands_in_its_table() {
    let documented: Vec<String> = table("## The kinds of reply")
        .into_iter()
        .map(|row| row[0].replace("**", ""))
        .collect();
    assert_eq!(documented, ReplyKind::ALL.map(ReplyKind::label));
}

#[test]
fn the_costs_of_replies_are_those_that_are_counted() {
    let (_, below) = README
        .split_once("\n| Reply | Keys | Count |\n")
        .expect("a table of costs");
    let rows = below.lines().skip(1).take_while(|row| row.starts_with('|'));
    let documented: Vec<(&str, String, usize)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            (
                cells[0],
                code(cells[1]).join(", "),
                cells[2].parse().expect("a number"),
            )
        })
        .collect();
    let counted = COSTS
        .iter()
        .map(|(reply, keys, cost)| (*reply, (*keys).to_owned(), *cost));
    assert_eq!(documented, counted.collect::<Vec<_>>());
    for (reply, keys, cost) in COSTS {
        assert_eq!(keys.split(", ").count(), *cost, "{reply}");
    }
}

#[test]
fn the_versions_of_clients_are_those_that_are_tested() {
    let script = include_str!("../../.ci/run");
    let (_, below) = README
        .split_once("\n| Client | Version |")
        .expect("a table of clients");
    let rows = below.lines().skip(2).take_while(|row| row.starts_with('|'));
    let clients = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect());
    let clients: Vec<Vec<&str>> = clients.collect();
    assert!(clients.len() >= 8, "{clients:?}");
    let agents = table("### Or with another agent");
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
    let documented: Vec<(&str, &str)> = table("### Or with another agent")
        .into_iter()
        .map(|row| {
            let title = row[0].trim_start_matches('[').split(']').next();
            (title.expect("a title"), code(row[3])[0])
        })
        .collect();
    let agents: Vec<(&str, &str)> = Agent::ALL
        .iter()
        .filter(|agent| **agent != codex::AGENT)
        .map(|agent| (agent.title, agent.name))
        .collect();
    assert_eq!(documented, agents);
}

#[test]
fn the_exit_codes_of_a_check_are_those_of_its_steps() {
    let sentence = README.split("says what failed first: ").nth(1);
    let sentence = sentence.and_then(|rest| rest.split('.').next());
    let documented: Vec<&str> = sentence.expect("a sentence").split(", ").collect();
    let steps = [
        (Step::Server, "server"),
        (Step::Program, "program"),
        (Step::SetUp, "set-up"),
        (Step::Request, "request"),
        (Step::Answer, "answer"),
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
    let documented: Vec<(&str, &str)> = table("### Or with any other client")
        .into_iter()
        .flat_map(|row| {
            let value = code(row[1])[0];
            code(row[0]).into_iter().map(move |name| (name, value))
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
fn every_variable_of_the_help_stands_in_the_readme() {
    let help = Cli::command().render_long_help().to_string();
    let help = variables(&help);
    assert!(help.len() >= 4, "{help:?}");
    assert_eq!(variables(README), help);
}

#[test]
fn every_configuration_key_is_explained_in_the_example() {
    for table in ["", "server", "inbox", "[model]", "drafting", "tui", "study"] {
        let keys = known_keys(table);
        let example = EXAMPLE.replace("\n# [[", "\n[[");
        let (_, section) = match table {
            "" => ("", example.as_str()),
            _ => example.split_once(&format!("\n[{table}]\n")).expect(table),
        };
        let section = section.split("\n[").next().expect("a part");
        for key in keys.iter().filter(|key| !is_table(key)) {
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
        assert!(EXAMPLE.contains(&entry), "{action} is not in the example");
    }
    for role in Role::ALL {
        let entry = format!("\n# {} = ", role.name());
        assert!(EXAMPLE.contains(&entry), "{role:?} is not in the example");
    }
}

fn is_table(key: &str) -> bool {
    let heads = [
        format!("\n[{key}]\n"),
        format!("\n# [[{key}]]\n"),
        // Of one table for each name.
        format!("\n# [study.{key}."),
    ];
    heads.iter().any(|head| EXAMPLE.contains(head))
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
            problem: Problem::UnknownKey { known, .. },
            ..
        }) => known,
        other => panic!("expected an unknown key, got {other:?}"),
    }
}

#[test]
fn the_table_of_routes_is_what_the_server_has() {
    let documented: Vec<&str> = table("## The API")
        .into_iter()
        .map(|row| code(row[0])[0])
        .collect();

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let (intake, _events) = inbox::channel(1, Store::new(10));
    let settings = Settings {
        address,
        api_key: None,
        models: vec!["human".into()],
        max_body: 1_000,
        heartbeat: Duration::from_secs(10),
        socket_lifetime: humanllm::server::SOCKET_LIFETIME,
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        answered: Answered::default(),
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
