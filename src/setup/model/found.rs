//! Finds running model servers and lists their models.

use std::fmt;
use std::time::Duration;

use futures_util::future::join_all;
use hyper::StatusCode;

use super::ModelSetupOptions;
use crate::api::Format;
use crate::config;
use crate::environment::Environment;
use crate::model::{
    BaseUrl, Client, Failure, KeyVariable, OfferedModel, Timeouts, Upstream, join_names,
};

/// How long connecting to a server on this machine may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A port on which a server usually listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsualPort {
    /// The port, on this machine.
    pub port: u16,
    /// What usually listens there.
    pub program: &'static str,
}

/// The default ports of model servers.
pub const USUAL_PORTS: &[UsualPort] = &[
    UsualPort {
        port: 1234,
        program: "LM Studio",
    },
    UsualPort {
        port: 8080,
        program: "llama.cpp",
    },
    UsualPort {
        port: 11434,
        program: "Ollama",
    },
    UsualPort {
        port: 4000,
        program: "LiteLLM",
    },
    UsualPort {
        port: 8000,
        program: "vLLM",
    },
];

/// The programs of servers, by the `owned_by` of their models.
const OWNERS: &[(&str, &str)] = &[
    (HUMANLLM, HUMANLLM),
    ("llamacpp", "llama.cpp"),
    ("library", "Ollama"),
    ("vllm", "vLLM"),
    ("organization_owner", "LM Studio"),
];
const HUMANLLM: &str = "humanllm";

/// A server that answers.
pub(super) struct FoundServer {
    pub url: BaseUrl,
    /// The URL as it is to be written.
    pub written: String,
    program: String,
    /// The names of its models.
    pub models: Vec<String>,
    wants_key: bool,
}

impl FoundServer {
    fn new(url: &BaseUrl, written: String, place: &str, offered: Vec<OfferedModel>) -> Self {
        let owner = offered.first().map(|model| model.owner.as_str());
        let known = OWNERS.iter().find(|(known, _)| Some(*known) == owner);
        Self {
            url: url.clone(),
            written,
            program: known.map_or(place, |(_, program)| program).to_owned(),
            models: offered.into_iter().map(|model| model.id).collect(),
            wants_key: false,
        }
    }

    /// Whether it is another humanllm.
    pub(crate) fn is_humanllm(&self) -> bool {
        self.program == HUMANLLM
    }
}

impl fmt::Display for FoundServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = if self.is_humanllm() {
            "another humanllm"
        } else {
            self.program.as_str()
        };
        write!(f, "{program} at {}: ", self.written)?;
        match self.models.as_slice() {
            _ if self.wants_key => f.write_str(
                "it wants a key; name the variable that holds it, with --url and --api-key-env",
            ),
            [] => f.write_str("no model"),
            models => f.write_str(&crate::plain::line(&join_names(models))),
        }
    }
}

/// The servers that answer on these ports, except for this program.
pub(super) async fn probe_ports(places: &[UsualPort], own: Option<&BaseUrl>) -> Vec<FoundServer> {
    let found = places.iter().map(|place| async {
        let written = format!("http://127.0.0.1:{}", place.port);
        let url = BaseUrl::new(&written).ok()?;
        let patience = Timeouts {
            connect: CONNECT_TIMEOUT,
            ..Timeouts::default()
        };
        let upstream = Upstream {
            timeouts: patience,
            ..Upstream::new(place.program, url.clone(), Format::Chat)
        };
        let is_own = own.is_some_and(|own| own.port() == place.port);
        match Client::without_reuse(upstream).list_models().await {
            Ok(offered) => {
                let found = FoundServer::new(&url, written, place.program, offered);
                (!is_own || !found.is_humanllm()).then_some(found)
            }
            // On its own port, this program may be the one that needs a key.
            Err(Failure::Refused(refusal)) if wants_key(refusal.status) && !is_own => {
                Some(FoundServer {
                    wants_key: true,
                    ..FoundServer::new(&url, written, place.program, Vec::new())
                })
            }
            Err(_) => None,
        }
    });
    join_all(found).await.into_iter().flatten().collect()
}

/// The server at a URL with its models; or a message why it does not list them.
pub(super) async fn probe_url(
    url: &BaseUrl,
    options: &ModelSetupOptions,
    environment: &Environment,
) -> Result<FoundServer, String> {
    let format = options.format.unwrap_or(Format::Chat);
    let name = options.name.clone().unwrap_or_else(|| url.to_string());
    let mut upstream = Upstream::new(name, url.clone(), format);
    if let Some(variable) = &options.api_key_env {
        let key = config::key_of(variable, environment).ok().flatten();
        upstream.key = Some(KeyVariable {
            name: variable.clone(),
            is_set: key.is_some(),
        });
        // As for drafts, the key is not sent without encryption.
        let is_safe = url.is_secure() || url.is_private();
        let key = key.filter(|_| is_safe);
        let header = key.and_then(|key| Upstream::key_header(format, key.as_str()));
        upstream.headers.extend(header);
    }
    let client = Client::without_reuse(upstream);
    let offered = client.list_models().await;
    let offered = offered.map_err(|failure| failure.named(client.upstream()))?;
    let written = options.url.clone().unwrap_or_default();
    Ok(FoundServer::new(url, written, "a server", offered))
}

fn wants_key(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}
