use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rules::{Case, Pattern};

/// The redactor of all tests: compiling its expressions takes a while in a debug build.
fn redactor() -> MutexGuard<'static, Redactor> {
    static SHARED: LazyLock<Mutex<Redactor>> = LazyLock::new(|| {
        let own = ["ACME-\\d+", "ticket=(\\w+)"];
        let own = own.map(|text| Pattern::new(text, Case::Matters).unwrap());
        Mutex::new(Redactor::new(Some("/root"), &own))
    });
    let mut redactor = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    redactor.reset_counts();
    redactor
}

fn redacted(text: &str) -> String {
    redactor().text(text).into_owned()
}

/// A secret of each kind, put together here so that no scanner for secrets finds them in this file.
fn secrets() -> Vec<String> {
    let letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    let mut all: Vec<String> = [
        "sk-",
        "sk-proj-",
        "sk-ant-api03-",
        "sk-or-v1-",
        "ghp_",
        "gho_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "hf_",
        "npm_",
        "pypi-",
        "gsk_",
        "xai-",
        "nvapi-",
        "r8_",
        "tvly-",
        "ya29.",
    ]
    .iter()
    .map(|begin| format!("{begin}{letters}"))
    .collect();
    all.push(format!("AKIA{}", "ABCDEFGH12345678"));
    all.push(format!("AIza{letters}"));
    all.push(format!("eyJ{letters}.eyJ{letters}.{letters}"));
    all
}

#[test]
fn every_rule_can_be_made() {
    let rules = rules::all(Some("/root"), &[]);
    assert!(rules.len() >= 11);
    for rule in rules {
        assert_ne!(rule.regex.as_str(), r"[^\s\S]", "{}", rule.name);
    }
}

#[test]
fn keys_of_providers_are_known_by_how_they_begin() {
    for secret in secrets() {
        for around in ["", " ", "\"", "'", "=", "\n", "(", "\\n", "/", ",", "_"] {
            let redacted = redacted(&format!("a{around}{secret}{around}"));
            let letters = &secret[secret.len() - 12..];
            let is_word = around.is_empty();
            assert_eq!(
                redacted.contains(letters),
                is_word,
                "{secret:?} {around:?}: {redacted}"
            );
        }
    }
    for harmless in [
        "task-management-of-the-whole-team",
        "a risk-free-and-well-known-method",
        "the function sk_live is not a key",
        "https://github.com/x/y/blob/main/ghp.rs",
        "call_id call_0123456789abcdef0123456789abcdef",
        "let token = tokens.next().unwrap_or_default();",
        "\"max_output_tokens\": 10000",
    ] {
        assert_eq!(redacted(harmless), harmless);
    }
}

#[test]
fn what_stands_around_a_secret_stays() {
    let key = format!(
        "-----BEGIN RSA {0}-----\nMIIE\nabc\n-----END RSA {0}-----",
        "PRIVATE KEY"
    );
    let table = [
        (format!("a\n{key}\nb"), "a\n[redacted private key]\nb"),
        // One that was cut off.
        (key.replace("\n-----END", "\n--"), "[redacted private key]"),
        (
            "Authorization: Bearer abcdefgh12345".into(),
            "Authorization: Bearer [redacted authorization]",
        ),
        (
            "-H 'x-api-key: abcdefgh12345'".into(),
            "-H 'x-api-key: [redacted authorization]'",
        ),
        (
            "git clone https://me:hunter2@example.org/a.git".into(),
            "git clone https://me:[redacted password in a URL]@example.org/a.git",
        ),
        (
            "export STRIPE_API_KEY=\"abcdefgh-12345\"; ls".into(),
            "export STRIPE_API_KEY=\"[redacted secret variable]\"; ls",
        ),
        ("DB_PASSWORD=$PASSWORD".into(), "DB_PASSWORD=$PASSWORD"),
        (
            "GET /a?token=abcdefgh12345&x=1".into(),
            "GET /a?token=[redacted secret in a URL]&x=1",
        ),
        (
            "{\"a\": 1}\n{\"password\": \"hunter2hunter2\"}".into(),
            "{\"a\": 1}\n{\"password\": \"[redacted secret field]\"}",
        ),
        (
            "cd /home/alice/src && ls /Users/bob".into(),
            "cd /home/user/src && ls /Users/user",
        ),
        ("C:\\Users\\alice\\src".into(), "C:\\Users\\user\\src"),
        ("ls /root/a /usr/root".into(), "ls /home/user/a /usr/root"),
        (
            "Ann <ann.b+c@mail.example.org>, git@github.com:a/b".into(),
            "Ann <[redacted e-mail address]>, git@github.com:a/b",
        ),
        (
            "ACME-17 and ticket=abc!".into(),
            "[redacted] and ticket=[redacted]!",
        ),
    ];
    for (before, after) in table {
        assert_eq!(redacted(&before), after);
        assert_eq!(redacted(after), after, "nothing more the second time");
    }
}

#[test]
fn strings_of_json_are_looked_into_and_the_rest_stays() {
    let key = &secrets()[1];
    let escaped: String = key
        .chars()
        .map(|c| format!("\\u{:04x}", u32::from(c)))
        .collect();
    let inner = json!({"cmd": format!("echo {key}"), "n": 1.50}).to_string();
    let before = format!(
        "{{ \"a\" : 1.50, \"b\": \"{escaped}\", \"arguments\": {}, \"password\":\"correcthorse\",\n\
         \"{key}\": null, \"odd\": \"\\ud800 {key}\", \"same\": \"\\u0041\\/\" }}",
        json!(inner)
    );
    let mut redactor = redactor();
    let after = redactor.json(&before);
    assert!(!after.contains(&key[10..]), "{after}");
    assert!(
        after.starts_with("{ \"a\" : 1.50, \"b\": \"[redacted API key]\", "),
        "{after}"
    );
    assert!(after.ends_with("\"same\": \"\\u0041\\/\" }"), "{after}");
    let value: Value = serde_json::from_str(&after).expect("JSON");
    assert_eq!(value["password"], "[redacted secret field]");
    let arguments: Value = serde_json::from_str(value["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments["cmd"], "echo [redacted API key]");
    let found = redactor.found();
    let count = |name: &str| {
        found
            .iter()
            .filter(|found| found.name == name)
            .map(|found| found.count)
            .sum::<u64>()
    };
    assert_eq!((count("API key"), count("secret field")), (4, 1));
    let examples: Vec<&String> = found.iter().flat_map(|found| &found.examples).collect();
    assert_eq!(examples.len(), 2, "{examples:?}");
    assert!(
        examples.contains(&&"sk-p… (44 characters)".to_owned()),
        "{examples:?}"
    );
}

#[test]
fn a_redactor_without_rules_changes_nothing() {
    let key = &secrets()[0];
    let mut none = Redactor::none();
    assert_eq!(none.text(key), *key);
    assert_eq!(
        none.json(&json!([key]).to_string()),
        json!([key]).to_string()
    );
    assert!(none.found().is_empty());
}

proptest! {
    /// Whatever a secret stands in: it does not come through, JSON stays JSON, and redacting the result
    /// changes nothing.
    #[test]
    fn no_secret_comes_through(
        parts in prop::collection::vec("\\PC{0,12}|[\"\\\\{}\\[\\]:, \n]{0,6}", 1..5),
        which in prop::sample::select(secrets()),
        at in any::<prop::sample::Index>(),
        depth in 0..4_usize,
    ) {
        let letters = which[which.len() - 12..].to_owned();
        let mut words = parts.clone();
        words.insert(at.index(parts.len() + 1), format!(" {which} "));
        let mut words = words.concat();
        for _ in 0..depth {
            words = json!({"a": [words, 1], "b": null}).to_string();
        }
        let document = json!({"text": words, "list": [words]}).to_string();
        let after = redactor().json(&document).into_owned();
        prop_assert!(!after.contains(&letters), "{after}");
        prop_assert!(serde_json::from_str::<Value>(&after).is_ok(), "{after}");
        prop_assert_eq!(&redactor().json(&after), &after);
    }

    #[test]
    fn what_is_no_json_does_no_harm(text in "[\"\\\\{}:a-z0-9\n é]{0,40}") {
        let _ = redactor().json(&text);
        let _ = redactor().text(&text);
    }
}
