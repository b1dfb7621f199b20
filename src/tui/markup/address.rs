//! Finds URLs that are written out in a text.

use std::ops::Range;

/// The byte ranges of the URLs in a text.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let found = at + text[at..].find("://")?;
            at = found + 3;
            let schemes = ["https", "http", "file"];
            let before = &text[..found];
            let Some(scheme) = schemes.iter().find(|scheme| before.ends_with(**scheme)) else {
                continue;
            };
            let rest = &text[at..];
            let ends = |c: char| c.is_whitespace() || c.is_control() || "<>\"`()[]{}|".contains(c);
            let address = &rest[..rest.find(ends).unwrap_or(rest.len())];
            at += address
                .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '\''])
                .len();
            return Some(found - scheme.len()..at);
        }
    })
}

/// The byte ranges of URLs that a terminal may be told to open: those that cannot mislead the reader.
pub fn links(text: &str) -> impl Iterator<Item = Range<usize>> {
    addresses(text).filter(|range| is_plain(&text[range.clone()]))
}

/// Whether a URL leads where a reader takes it to lead.
fn is_plain(address: &str) -> bool {
    /// The most bytes that terminals accept in a link.
    const MAX_LENGTH: usize = 2_000;
    // No letters that look like others, no invisible characters, and no backslash, which some programs
    // take for a slash.
    let is_readable = address
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let Some((scheme, rest)) = address.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_reached = match scheme {
        "file" => host.is_empty() && rest.len() > 1,
        // What stands before an `@` is a user name, and can look like a host.
        _ => !host.is_empty() && !host.contains('@'),
    };
    is_readable && is_reached && address.len() <= MAX_LENGTH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<&str> {
        links(text).map(|range| &text[range]).collect()
    }

    #[test]
    fn addresses_that_are_what_they_seem_are_links() {
        let text = "See https://a.b/c?d=e#f, (http://x:80/) and <file:///etc/hosts>.";
        assert_eq!(
            found(text),
            ["https://a.b/c?d=e#f", "http://x:80/", "file:///etc/hosts"]
        );
        assert_eq!(found("[words](https://a.b/c) `https://d.e`").len(), 2);
    }

    #[test]
    fn others_are_not() {
        for text in [
            "javascript://a.b/%0aalert(1)",
            "ssh://a.b",
            "https://",
            "https:///a",
            "https://bank.example@evil.example/",
            "https://bank.example\\@evil.example/@",
            "https://bаnk.example/",
            "https://a.b/\u{202e}gpj.exe",
            "https://a.b/\u{1b}]8;;http://c.d\u{7}",
            "file://host/share",
            "file:///",
        ] {
            let found: Vec<_> = found(text).into_iter().filter(|it| it.len() > 14).collect();
            assert!(found.is_empty(), "{text}: {found:?}");
        }
        assert_eq!(
            found(&format!("https://a.b/{}", "x".repeat(3_000))),
            [""; 0]
        );
    }

    proptest! {
        /// Nothing in a text gets out of the sequence that an address is written in.
        #[test]
        fn links_have_no_controls(text in any::<String>(), more in "[ -~\x00-\x1f\x7f-\u{9f}]{0,20}") {
            let text = format!("{text} https://a.b/{more}{text}");
            for link in found(&text) {
                prop_assert!(link.bytes().all(|byte| byte.is_ascii_graphic()), "{link:?}");
            }
        }
    }
}
