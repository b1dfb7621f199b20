//! The built-in redaction rules.

use memchr::memmem;
use regex::{Regex, RegexBuilder};

use crate::rules::Pattern;

/// The replacement for a user name in a path.
const USER: &str = "user";
/// The shortest value of a field with a secret name that counts as a secret, in bytes.
const MIN_SECRET_LENGTH: usize = 8;

/// A rule that finds and replaces one kind of secret.
#[derive(Debug)]
pub(super) struct RedactionRule {
    /// What the rule finds, for people.
    pub name: String,
    /// The expression; if it has a capture group, only that is replaced.
    pub regex: Regex,
    /// The replacement.
    pub replacement: String,
    /// What the expression matches.
    pub kind: RuleKind,
    /// Strings of which every matching text contains one, to skip other texts quickly; empty if any text
    /// may match.
    hints: &'static [&'static str],
}

/// What the expression of a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleKind {
    /// Text that looks like a secret.
    ByShape,
    /// A user name in a path.
    User,
    /// An e-mail address, unless it is the `git@` of a repository URL.
    Address,
    /// The name of a JSON field whose value is secret.
    ByName,
}

impl RedactionRule {
    /// Whether a text contains one of the hints.
    pub(super) fn may_be_in(&self, text: &str) -> bool {
        let has = |hint: &&str| memmem::find(text.as_bytes(), hint.as_bytes()).is_some();
        self.hints.is_empty() || self.hints.iter().any(has)
    }

    /// Whether a match is a secret, and not a placeholder or a well-known name.
    pub(super) fn is_secret(&self, found: &str) -> bool {
        match self.kind {
            RuleKind::ByShape | RuleKind::ByName => found != self.replacement,
            RuleKind::User => !matches!(found, USER | "Shared" | "Public"),
            RuleKind::Address => !found.starts_with("git@"),
        }
    }
}

/// Whether the value of a field with a secret name looks like a secret: one long word.
pub(super) fn may_be_secret(value: &str) -> bool {
    let is_word = !value.contains(char::is_whitespace);
    value.len() >= MIN_SECRET_LENGTH && is_word && !value.starts_with('[')
}

/// API keys, by the prefixes of their providers.
const KEYS: &str = r"(?:sk-[A-Za-z0-9_-]{16,}|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|gl(?:pat|dt|rt|ptt|soat|agent|imt|ft|cbt)-[A-Za-z0-9_.-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{16,}|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|GOCSPX-[A-Za-z0-9_-]{16,}|ya29\.[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{20,}|pypi-[A-Za-z0-9_-]{16,}|gsk_[A-Za-z0-9]{16,}|xai-[A-Za-z0-9]{16,}|nvapi-[A-Za-z0-9_-]{16,}|pplx-[A-Za-z0-9]{16,}|fw_[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}|tvly-[A-Za-z0-9-]{16,}|lin_api_[A-Za-z0-9]{16,}|ntn_[A-Za-z0-9]{16,}|dop_v1_[a-f0-9]{16,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{16,}|SG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|sq0[a-z]{3}-[A-Za-z0-9_-]{16,}|key-[a-f0-9]{32}|dckr_pat_[A-Za-z0-9_-]{16,}|hvs\.[A-Za-z0-9_-]{16,}|glsa_[A-Za-z0-9_]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{16,})";

/// The names of fields that hold secrets.
const NAMES: &str = "(?:[a-z0-9]+[-_])*(?:api[-_]?key|apikey|authorization|password|passwd|passphrase|\
    secret|secret[-_]?key|client[-_]?secret|(?:access|refresh|auth|id|session|bearer)[-_]?token|\
    private[-_]?key|set-cookie|cookie)";

/// Where a secret may begin: at a word boundary, after an escaped line break in quoted JSON, or after an
/// underscore.
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

/// All rules, in the order in which they are applied: rules with longer matches come first.
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
        // Environment variables.
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
        // JSON within a text that is not JSON as a whole.
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
    // The rule for user names covers these.
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
    // Additional expressions come last: they see the text after the built-in rules.
    rules.extend((1..).zip(own).map(|(number, pattern)| RedactionRule {
        name: format!("rule {number} of the configuration"),
        regex: pattern.regex().clone(),
        replacement: "[redacted]".into(),
        kind: RuleKind::ByShape,
        hints: &[],
    }));
    rules
}

/// A rule that finds text by its shape.
fn rule(name: &str, shape: &str, hints: &'static [&'static str]) -> RedactionRule {
    let regex = RegexBuilder::new(shape).build();
    RedactionRule {
        name: name.into(),
        // A test compiles all built-in expressions; an invalid one would match nothing.
        regex: regex.unwrap_or_else(|_| never()),
        replacement: format!("[redacted {name}]"),
        kind: RuleKind::ByShape,
        hints,
    }
}

/// An expression that never matches.
fn never() -> Regex {
    #[expect(clippy::unwrap_used, reason = "it is written here")]
    Regex::new(r"[^\s\S]").unwrap()
}
