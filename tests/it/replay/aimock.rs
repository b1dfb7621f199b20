//! What was recorded is given to aimock.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::agent::{Wire, talk};
use super::player::{REFUSAL, Recorded, record};
use crate::support::{Client, ClientProcess, path_from_environment, poll};

/// Serves fixtures on a free port, which it prints.
const AIMOCK: &str = r#"
import { LLMock } from "@copilotkit/aimock";
const mock = new LLMock({ port: 0 });
mock.loadFixtureFile(process.argv[2]);
console.log(await mock.start());
"#;

#[test]
fn aimock_answers_as_it_was_recorded() {
    let Some(modules) = path_from_environment("HUMANLLM_TEST_AIMOCK", "a node_modules with aimock")
    else {
        return;
    };
    for wire in [Wire::ResponsesPlain, Wire::ChatPlain, Wire::MessagesPlain] {
        let Recorded { heard, place, id } = record(wire);
        let fixtures = place.path("fixtures.json").display().to_string();
        let saved = place.humanllm(&["replay", &id, "--save", &fixtures, "--format", "aimock"]);
        assert!(saved.status.success(), "{saved:?}");
        let (_server, address) = aimock(&modules, &place.path("node"), &fixtures);
        let again = talk(address, wire, "/tmp/x");
        // It has one message for each response, and no phases.
        let words = |heard: &[String]| {
            let heard = heard.join("\n");
            let all = [
                "One moment",
                "exec_command",
                "\"cmd\"",
                "two of them",
                REFUSAL,
            ];
            all.map(|part| (part, heard.contains(part)))
        };
        assert_eq!(words(&again), words(&heard), "{wire:?}: {again:?}");
        assert!(
            words(&again).iter().all(|(_, there)| *there),
            "{wire:?}: {again:?}"
        );
        let body = wire.body(&wire.begin("/tmp/x", "Nobody asked that"), false);
        let (status, _) = Client::new(address).post_json(wire.path(), &[], &body);
        assert_ne!(status, 200);
    }
}

fn aimock(modules: &Path, folder: &Path, fixtures: &str) -> (ClientProcess, SocketAddr) {
    fs::create_dir_all(folder).expect("a folder");
    std::os::unix::fs::symlink(modules, folder.join("node_modules")).expect("a link");
    fs::write(folder.join("serve.mjs"), AIMOCK).expect("a script");
    let mut command = Command::new("node");
    command.arg(folder.join("serve.mjs")).arg(fixtures);
    let server = ClientProcess::spawn(command);
    let address = poll(
        "aimock",
        || {
            let printed = server.stdout();
            let url = printed
                .lines()
                .find_map(|line| line.strip_prefix("http://"))?;
            url.trim().replace("localhost", "127.0.0.1").parse().ok()
        },
        || format!("{}\n{}", server.stdout(), server.stderr()),
    );
    (server, address)
}
