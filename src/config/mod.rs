//! The configuration: all settings with their defaults.
//!
//! [`load`] reads them: flags beat environment variables, which beat the file, which beats the defaults.

mod error;
mod export;
mod file;
mod load;
mod model;
mod rules;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

pub use error::{ConfigError, ValueProblem};
pub use export::ExportConfig;
pub use load::{Flags, file, load, read, rules_in};
pub use model::DraftingConfig;
pub(crate) use model::{check_name, format_name, format_named, key_of};

use crate::agents::AutoAnswered;
use crate::journal::{Durability, JournalOptions, Retention};
use crate::model::Upstream;
use crate::rules::Rules;
use crate::server::{self, Limits};
use crate::study::Study;
use crate::tui::keys::keymap::Keymap;
use crate::tui::terminal::notification::Notifications;
use crate::tui::theme::ThemeChoice;

/// The default address of the server.
pub(crate) const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);

/// The complete configuration, with checked values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address and port of the server. Not a loopback address only if there is an `api_key`.
    /// Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Folder of the log and of all that must survive a restart. It may not exist yet.
    pub state_dir: PathBuf,
    /// The bearer token that clients must send, if any.
    pub api_key: Option<ApiKey>,
    /// The model names offered, at least one. Requests for other names are served all the same.
    pub models: Vec<String>,
    /// Limits and admission of the server.
    pub server: ServerConfig,
    /// Which requests reach the person.
    pub inbox: InboxConfig,
    /// What the journal keeps on disk.
    pub journal: JournalConfig,
    /// Models on other servers, which draft replies.
    pub upstreams: Vec<Upstream>,
    /// How they draft.
    pub drafting: DraftingConfig,
    /// Settings of the terminal interface.
    pub tui: TuiConfig,
    /// The colours that `tui.theme` names.
    pub theme: ThemeChoice,
    /// The key bindings.
    pub keys: Keymap,
    /// Settings of a study.
    pub study: Study,
    /// Snippets that can be inserted into a reply, by name.
    pub snippets: BTreeMap<String, String>,
    /// The rules that decide without the person.
    pub rules: Rules,
    /// Settings of exports.
    pub export: ExportConfig,
}

impl Config {
    /// The keys and tables in which another configuration differs and that take effect only at the start
    /// of the program.
    pub(crate) fn restarts_for(&self, other: &Self) -> Vec<&'static str> {
        let differences = [
            ("listen", self.listen != other.listen),
            ("state_dir", self.state_dir != other.state_dir),
            ("api_key", self.api_key != other.api_key),
            ("models", self.models != other.models),
            ("server", self.server != other.server),
            ("inbox", self.inbox != other.inbox),
            ("journal", self.journal != other.journal),
            ("study", self.study != other.study),
        ];
        let differences = differences.into_iter().filter(|(_, differs)| *differs);
        differences.map(|(key, _)| key).collect()
    }

    /// The settings of a server that listens on `address`, in a process that may have so many open file
    /// descriptors.
    pub(crate) fn server_settings(
        &self,
        address: SocketAddr,
        descriptors: usize,
    ) -> server::ServerSettings {
        let max_body = self.server.max_body_bytes();
        server::ServerSettings {
            address,
            api_key: self.api_key.as_ref().map(|key| key.as_bytes().to_vec()),
            models: self.models.clone(),
            max_body,
            heartbeat: self.server.heartbeat(),
            socket_lifetime: server::SOCKET_LIFETIME,
            allowed_hosts: self.server.allowed_hosts.clone(),
            allowed_origins: self.server.allowed_origins.clone(),
            answered: self.inbox.answer_housekeeping,
            study: self.study.clone(),
            limits: Limits::new(descriptors, max_body, self.server.max_waiting),
        }
    }
}

/// The `[server]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct ServerConfig {
    /// The largest request body, in MiB; at least 1.
    pub(crate) max_body_mib: u32,
    /// How many requests may wait for the person at once; at least 1.
    pub max_waiting: usize,
    /// How many responses and conversations of the Responses API are kept for later requests.
    pub(crate) max_stored: usize,
    /// The interval of heartbeats on a waiting response, in seconds; at least 1.
    pub(crate) heartbeat_seconds: u32,
    /// Names accepted in the `Host` header besides the loopback ones, without port.
    pub allowed_hosts: Vec<String>,
    /// Values accepted in the `Origin` header, such as `https://example.org`.
    pub allowed_origins: Vec<String>,
}

impl ServerConfig {
    /// The largest request body in bytes.
    pub(crate) fn max_body_bytes(&self) -> usize {
        usize::try_from(u64::from(self.max_body_mib) << 20).unwrap_or(usize::MAX)
    }

    /// The interval of heartbeats on a waiting response.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_seconds.into())
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_body_mib: 64,
            max_waiting: 1000,
            max_stored: 1000,
            heartbeat_seconds: 10,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

/// The `[inbox]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct InboxConfig {
    /// The housekeeping requests of agents, such as for a title, that the program answers itself.
    pub(crate) answer_housekeeping: AutoAnswered,
}

/// The `[journal]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct JournalConfig {
    /// Whether conversations are kept on disk.
    pub enabled: bool,
    /// The days without activity after which a conversation is deleted; 0 for never.
    pub days: u32,
    /// The maximum size of the journal, in MiB; 0 for no limit.
    pub(crate) max_mib: u64,
    /// Whether written data survives only a crash of the program, or a power failure too.
    pub(crate) durability: Durability,
}

impl JournalConfig {
    /// The options of the journal.
    pub fn options(&self) -> JournalOptions {
        let limit = |value: u64| (value > 0).then_some(value);
        JournalOptions {
            durability: self.durability,
            retention: Retention {
                days: (self.days > 0).then_some(self.days),
                bytes: limit(self.max_mib.saturating_mul(1 << 20)),
            },
        }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            days: 0,
            max_mib: 2048,
            durability: Durability::Process,
        }
    }
}

/// The `[tui]` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct TuiConfig {
    /// Whether a request that waits rings the terminal bell.
    pub bell: bool,
    /// How the terminal shows a notification of a request while it does not have the focus.
    pub(crate) notify: Notifications,
    /// The minutes of waiting after which the person is notified again; 0 for never.
    pub(crate) remind_minutes: u32,
    /// Whether the next conversation that waits opens when one is answered.
    pub auto_advance: bool,
    /// Whether the terminal title tells how many wait.
    pub title: bool,
    /// Whether the mouse scrolls and selects; selecting text in the terminal needs Shift then.
    pub mouse: bool,
    /// The name of the theme.
    pub theme: String,
    /// The seconds in which an answer or a rejection can be taken back; 0 to send it at once.
    pub(crate) unsend_seconds: u32,
}

impl TuiConfig {
    /// The time of waiting after which the person is notified again, if at all.
    pub fn remind_after(&self) -> Option<Duration> {
        let minutes = u64::from(self.remind_minutes);
        (minutes > 0).then(|| Duration::from_secs(60 * minutes))
    }
}

impl Default for TuiConfig {
    fn default() -> Self {
        Self {
            bell: true,
            notify: Notifications::Auto,
            remind_minutes: 10,
            auto_advance: false,
            title: true,
            mouse: false,
            theme: "auto".to_owned(),
            unsend_seconds: 0,
        }
    }
}

/// A bearer token, which is never shown, not even in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// # Errors
    /// The key is empty, or cannot be sent in an HTTP header: only visible ASCII can.
    pub fn new(key: impl Into<String>) -> Result<Self, ValueProblem> {
        let key = key.into();
        if key.trim().is_empty() {
            Err(ValueProblem::EmptyApiKey)
        } else if key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key))
        } else {
            Err(ValueProblem::ApiKeyCharacters)
        }
    }

    /// The key as it appears on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The key as text, for a client that this program starts.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}
