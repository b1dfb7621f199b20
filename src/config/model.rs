//! The `[[model]]` and `[drafting]` tables: models on other servers, which draft replies.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::ValueProblem;
use super::{ApiKey, Config};
use crate::api::Format;
use crate::environment::Environment;
use crate::inbox::Mode;
use crate::model::{BaseUrl, KeyVariable, Timeouts, Upstream};
use crate::suggestion::suggest;

/// The names of the formats.
const FORMATS: [(&str, Format); 3] = [
    ("chat", Format::Chat),
    ("responses", Format::Responses),
    ("messages", Format::Messages),
];

/// Parameters of a request that the program sets itself.
const OWN_PARAMETERS: &[&str] = &["model", "messages", "input", "tools"];
/// Headers that the program sets itself.
const OWN_HEADERS: &[HeaderName] = &[
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TRANSFER_ENCODING,
];

/// The `[drafting]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub struct DraftingConfig {
    /// The mode of new conversations.
    pub mode: Mode,
    /// The name of the model that drafts by default; the first if this is absent.
    pub model: Option<String>,
}

/// A `[[model]]` table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct ModelTable {
    name: Option<String>,
    base_url: Option<String>,
    format: Option<String>,
    model: Option<String>,
    api_key_env: Option<String>,
    headers: BTreeMap<String, String>,
    max_tokens: Option<u64>,
    images: bool,
    thoughts: bool,
    prefill: Option<bool>,
    parameters: Map<String, Value>,
    connect_seconds: Option<u32>,
    first_token_seconds: Option<u32>,
    idle_seconds: Option<u32>,
}

/// A problem, with the path of its key from the top of the file.
type KeyProblem = (Vec<String>, ValueProblem);

/// The name of a format in the configuration.
pub(crate) fn format_name(format: Format) -> &'static str {
    let named = FORMATS.into_iter().find(|(_, known)| *known == format);
    // Compaction is part of the Responses API.
    named.map_or("responses", |(name, _)| name)
}

/// The format with a name.
pub(crate) fn format_named(name: &str) -> Option<Format> {
    let named = FORMATS.into_iter().find(|(known, _)| *known == name);
    named.map(|(_, format)| format)
}

/// Checks the `[[model]]` tables.
pub(super) fn upstreams(
    tables: Vec<ModelTable>,
    environment: &Environment,
) -> Result<Vec<Upstream>, KeyProblem> {
    let mut upstreams: Vec<Upstream> = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let at = |(key, problem): (Vec<&str>, ValueProblem)| {
            let place = ["model".to_owned(), format!("[{index}]")];
            let key = key.into_iter().map(str::to_owned);
            (place.into_iter().chain(key).collect(), problem)
        };
        let upstream = table.checked(environment).map_err(at)?;
        if upstreams.iter().any(|known| known.name == upstream.name) {
            let problem = ValueProblem::UpstreamTwice(upstream.name);
            return Err(at((vec!["name"], problem)));
        }
        upstreams.push(upstream);
    }
    Ok(upstreams)
}

/// Checks that no model's address is that of this program.
pub(super) fn check_own_address(config: &Config) -> Result<(), KeyProblem> {
    let listen = config.listen;
    let is_own = |url: &BaseUrl| {
        let is_here = match url.host().parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback() || address == listen.ip(),
            Err(_) => url.host().eq_ignore_ascii_case("localhost"),
        };
        is_here && url.port() == listen.port()
    };
    let own = config.upstreams.iter().position(|known| is_own(&known.url));
    own.map_or(Ok(()), |index| {
        let path = [
            "model".to_owned(),
            format!("[{index}]"),
            "base_url".to_owned(),
        ];
        Err((path.into(), ValueProblem::OwnAddress))
    })
}

/// Checks that the model of `[drafting]` exists.
pub(super) fn check_drafting(
    drafting: &DraftingConfig,
    upstreams: &[Upstream],
) -> Result<(), ValueProblem> {
    let Some(model) = &drafting.model else {
        return Ok(());
    };
    check_upstream(model, upstreams)
}

/// Checks that there is a model with a name.
pub(super) fn check_upstream(model: &str, upstreams: &[Upstream]) -> Result<(), ValueProblem> {
    let names = || upstreams.iter().map(|upstream| upstream.name.as_str());
    if names().any(|name| name == model) {
        Ok(())
    } else {
        Err(ValueProblem::UnknownUpstream {
            suggestion: suggest(model, names()).map(str::to_owned),
            known: names().map(str::to_owned).collect(),
        })
    }
}

impl ModelTable {
    fn checked(
        self,
        environment: &Environment,
    ) -> Result<Upstream, (Vec<&'static str>, ValueProblem)> {
        let name = self.name.ok_or((vec![], ValueProblem::NoUpstreamName))?;
        check_name(&name).map_err(|problem| (vec!["name"], problem))?;
        let url = self.base_url.ok_or((vec![], ValueProblem::NoBaseUrl))?;
        let url = BaseUrl::new(&url).map_err(|error| (vec!["base_url"], error.into()))?;
        let format = match &self.format {
            None => Format::Chat,
            Some(format) => format_named(format)
                .ok_or_else(|| (vec!["format"], ValueProblem::Format(format.clone())))?,
        };
        let mut headers = headers(&self.headers)?;
        let mut key = None;
        if let Some(variable) = self.api_key_env {
            let at = |problem| (vec!["api_key_env"], problem);
            let found = key_of(&variable, environment).map_err(at)?;
            key = Some(KeyVariable {
                name: variable,
                is_set: found.is_some(),
            });
            let header = found.and_then(|found| Upstream::key_header(format, found.as_str()));
            if let Some((name, value)) = header {
                headers.entry(name).or_insert(value);
            }
        }
        let has_secret = key.is_some() || headers.keys().any(is_secret);
        if has_secret && !url.is_secure() && !url.is_private() {
            return Err((
                vec!["base_url"],
                ValueProblem::OpenKey(url.host().to_owned()),
            ));
        }
        let own = |name: &&String| OWN_PARAMETERS.contains(&name.as_str());
        if let Some(name) = self.parameters.keys().find(own) {
            return Err((vec!["parameters"], ValueProblem::OwnParameter(name.clone())));
        }
        let counts = [
            ("max_tokens", self.max_tokens == Some(0)),
            ("connect_seconds", self.connect_seconds == Some(0)),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err((vec![key], ValueProblem::Zero));
        }
        let usual = Timeouts::default();
        Ok(Upstream {
            model: self.model.unwrap_or_else(|| name.clone()),
            headers,
            key,
            max_tokens: self.max_tokens,
            images: self.images,
            thoughts: self.thoughts,
            prefill: self.prefill.unwrap_or(true),
            parameters: self.parameters,
            timeouts: Timeouts {
                connect: self
                    .connect_seconds
                    .map_or(usual.connect, |seconds| Duration::from_secs(seconds.into())),
                first_token: timeout(self.first_token_seconds, usual.first_token),
                idle: timeout(self.idle_seconds, usual.idle),
            },
            ..Upstream::new(name, url, format)
        })
    }
}

/// Checks the name of a model.
pub(crate) fn check_name(name: &str) -> Result<(), ValueProblem> {
    let is_wrong = |c: char| c.is_whitespace() || c.is_control();
    if name.is_empty() || name.contains(is_wrong) {
        Err(ValueProblem::ModelName(name.to_owned()))
    } else {
        Ok(())
    }
}

/// The key in an environment variable, if that is set. Errors never contain it.
pub(crate) fn key_of(
    variable: &str,
    environment: &Environment,
) -> Result<Option<ApiKey>, ValueProblem> {
    // Only capitals, to detect a key in place of the name of the variable.
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if variable.is_empty()
        || !variable.chars().all(is_name)
        || variable.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(ValueProblem::KeyVariable);
    }
    let Some(value) = environment.get_filled(variable) else {
        return Ok(None);
    };
    let value = value.to_str().ok_or(ValueProblem::NotUtf8)?;
    // A variable that was filled from a file may end with a line break.
    ApiKey::new(value.trim()).map(Some)
}

fn headers(
    written: &BTreeMap<String, String>,
) -> Result<HeaderMap, (Vec<&'static str>, ValueProblem)> {
    let mut headers = HeaderMap::new();
    for (name, value) in written {
        let wrong = || (vec!["headers"], ValueProblem::HeaderName(name.clone()));
        let known = HeaderName::try_from(name).map_err(|_| wrong())?;
        if OWN_HEADERS.contains(&known) {
            return Err(wrong());
        }
        let value = HeaderValue::from_str(value);
        let mut value =
            value.map_err(|_| (vec!["headers"], ValueProblem::HeaderValue(name.clone())))?;
        value.set_sensitive(true);
        headers.insert(known, value);
    }
    Ok(headers)
}

/// Whether the name of a header says that its value is secret.
fn is_secret(name: &HeaderName) -> bool {
    let parts = ["auth", "key", "token", "secret", "cookie", "password"];
    parts.iter().any(|part| name.as_str().contains(part))
}

fn timeout(seconds: Option<u32>, usual: Option<Duration>) -> Option<Duration> {
    match seconds {
        None => usual,
        Some(0) => None,
        Some(seconds) => Some(Duration::from_secs(seconds.into())),
    }
}
