//! The shapes of what must not leave.

use memchr::memmem;
use regex::{Regex, RegexBuilder};

use crate::rules::Pattern;

/// What stands in the place of the user in a path.
const USER: &str = "user";
/// Shorter values of fields with secret names are no secrets.
const MIN_SECRET_LENGTH: usize = 8;

/// What is replaced.
#[derive(Debug)]
pub(super) struct RedactionRule {
    /// What it is for, in words.
    pub name: String,
    /// What it looks like; of a group, only that is replaced.
    pub regex: Regex,
    /// What stands there instead.
    pub replacement: String,
    /// What of it is secret.
    pub kind: RuleKind,
    /// One of these is in every text that has something of it; any text may if there is none.
    hints: &'static [&'static str],
}

/// What a rule goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleKind {
    /// What the text looks like.
    ByShape,
    /// The name of a user in a path.
    User,
    /// An address, unless it is how Git names a server.
    Address,
    /// The name of a field of JSON.
    ByName,
}

impl RedactionRule {
    /// Whether the text may have something of it.
    pub fn may_be_in(&self, text: &str) -> bool {
        let has = |hint: &&str| memmem::find(text.as_bytes(), hint.as_bytes()).is_some();
        self.hints.is_empty() || self.hints.iter().any(has)
    }

    /// Whether what looks like it is.
    pub fn is_secret(&self, found: &str) -> bool {
        match self.kind {
            RuleKind::ByShape | RuleKind::ByName => found != self.replacement,
            RuleKind::User => !matches!(found, USER | "Shared" | "Public"),
            RuleKind::Address => !found.starts_with("git@"),
        }
    }
}

/// Whether the value of a field with a secret name may be one.
pub(super) fn may_be_secret(value: &str) -> bool {
    let is_word = !value.contains(char::is_whitespace);
    value.len() >= MIN_SECRET_LENGTH && is_word && !value.starts_with('[')
}

/// The keys of providers, by the beginnings that they give them.
const KEYS: &str = r"(?:sk-[A-Za-z0-9_-]{16,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|gl(?:pat|dt|rt|ptt|soat|agent|imt|ft|cbt)-[A-Za-z0-9_.-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{16,}|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|GOCSPX-[A-Za-z0-9_-]{16,}|ya29\.[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{20,}|pypi-[A-Za-z0-9_-]{16,}|gsk_[A-Za-z0-9]{16,}|xai-[A-Za-z0-9]{16,}|nvapi-[A-Za-z0-9_-]{16,}|pplx-[A-Za-z0-9]{16,}|fw_[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}|tvly-[A-Za-z0-9-]{16,}|lin_api_[A-Za-z0-9]{16,}|ntn_[A-Za-z0-9]{16,}|dop_v1_[a-f0-9]{16,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}|SG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|sq0[a-z]{3}-[A-Za-z0-9_-]{16,}|key-[a-f0-9]{32}|dckr_pat_[A-Za-z0-9_-]{16,}|hvs\.[A-Za-z0-9_-]{16,}|glsa_[A-Za-z0-9_]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{16,})";

/// The names of fields that hold secrets.
const NAMES: &str = "(?:[a-z0-9]+[-_])*(?:api[-_]?key|apikey|authorization|password|passwd|passphrase|\
    secret|secret[-_]?key|client[-_]?secret|(?:access|refresh|auth|id|session|bearer)[-_]?token|\
    private[-_]?key|set-cookie|cookie)";

/// Where a secret may begin: at a word, behind what stands for a line break where JSON is quoted, or
/// behind a name.
const EDGE: &str = r"(?:\b|\\[nrt]|_)";

const KEY_HINTS: &[&str] = &[
    "sk-",
    "k_live_",
    "k_test_",
    "gh",
    "gl",
    "xox",
    "xapp-",
    "AKIA",
    "ASIA",
    "ABIA",
    "ACCA",
    "AIza",
    "GOCSPX-",
    "ya29.",
    "hf_",
    "npm_",
    "pypi-",
    "gsk_",
    "xai-",
    "nvapi-",
    "pplx-",
    "fw_",
    "r8_",
    "tvly-",
    "lin_api_",
    "ntn_",
    "dop_v1_",
    "shp",
    "SG.",
    "sq0",
    "key-",
    "dckr_pat_",
    "hvs.",
    "AGE-SECRET-KEY-1",
];

/// All rules, in the order in which they are applied: what is larger comes first.
pub(super) fn all(home: Option<&str>, own: &[Pattern]) -> Vec<RedactionRule> {
    let mut rules = vec![
        rule(
            "private key",
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
            &["PRIVATE KEY"],
        ),
        // Three parts of Base64, of which the first begins with `{"`.
        rule(
            "signed token",
            &format!(r"{EDGE}(eyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]*)"),
            &["eyJ"],
        ),
        rule("API key", &format!("{EDGE}({KEYS})"), KEY_HINTS),
        rule(
            "authorization",
            r"(?i)(?:bearer\s+|(?:proxy-)?authorization[\x22']?\s*[:=]\s*[\x22']?(?:basic|token|digest|apikey)\s+|x-(?:api|goog-api)-key[\x22']?\s*[:=]\s*[\x22']?)([A-Za-z0-9._~+/=-]{8,})",
            &[],
        ),
        rule(
            "password in a URL",
            r"\b[a-z][a-z0-9+.-]*://[^\s/:@\x22'<>\[\]]*:([^\s/@\x22'<>\[\]]+)@",
            &["://"],
        ),
        // As programs read them from their environment.
        rule(
            "secret variable",
            r"(?:\b|\\[nrt])[A-Z][A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)(?:_[A-Z0-9]+)?[\x22']?\s*[=:]\s*[\x22']?([A-Za-z0-9._~+/=@%^&*!#-]{8,})",
            &["KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL"],
        ),
        rule(
            "secret in a URL",
            r"[?&](?i:api[-_]?key|key|token|access_token|auth|secret|password|sig|signature|code)=([A-Za-z0-9._~+/=%-]{8,})",
            &["="],
        ),
        // JSON in a text that is none as a whole.
        rule(
            "secret field",
            &format!(r#"[\x22'](?i:{NAMES})\\?[\x22']\s*:\s*\\?[\x22']([^\x22'\s\\\[]{{8,}})"#),
            &[":"],
        ),
        RedactionRule {
            kind: RuleKind::ByName,
            ..rule("secret field", &format!("^(?i:{NAMES})$"), &[])
        },
    ];
    let own_home = home
        .map(|home| home.trim_end_matches('/'))
        .filter(|home| home.len() > 1);
    // The usual ones are known by their shape.
    let is_usual = |home: &&str| home.starts_with("/home/") || home.starts_with("/Users/");
    if let Some(home) = own_home.filter(|home| !is_usual(home)) {
        let shape = format!(r"(?:^|[^\w./-])({})\b", regex::escape(home));
        rules.push(RedactionRule {
            replacement: format!("/home/{USER}"),
            ..rule("home folder", &shape, &[])
        });
    }
    rules.push(RedactionRule {
        replacement: USER.into(),
        kind: RuleKind::User,
        ..rule(
            "home folder",
            r"(?:/home/|/Users/|\b[A-Za-z]:[\\/]+Users[\\/]+)([A-Za-z0-9_][A-Za-z0-9._-]*)",
            &["/home/", "Users"],
        )
    });
    rules.push(RedactionRule {
        kind: RuleKind::Address,
        ..rule(
            "e-mail address",
            r"\b[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}\b",
            &["@"],
        )
    });
    // Those of the person come last, so that they see what is left.
    rules.extend((1..).zip(own).map(|(number, pattern)| RedactionRule {
        name: format!("rule {number} of the configuration"),
        regex: pattern.regex().clone(),
        replacement: "[redacted]".into(),
        kind: RuleKind::ByShape,
        hints: &[],
    }));
    rules
}

/// A rule for what has this shape.
fn rule(name: &str, shape: &str, hints: &'static [&'static str]) -> RedactionRule {
    let regex = RegexBuilder::new(shape).build();
    RedactionRule {
        name: name.into(),
        // A test makes all of them; one that could not be made would match nothing.
        regex: regex.unwrap_or_else(|_| never()),
        replacement: format!("[redacted {name}]"),
        kind: RuleKind::ByShape,
        hints,
    }
}

/// Matches nothing.
fn never() -> Regex {
    #[expect(clippy::unwrap_used, reason = "it is written here")]
    Regex::new(r"[^\s\S]").unwrap()
}
