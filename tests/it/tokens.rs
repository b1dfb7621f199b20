//! Tokens are counted exactly as another program counts them with the same vocabulary.

use humanllm::tokens::{count, truncate};
use proptest::prelude::*;

fn agrees(text: &str) {
    let other = bpe_openai::o200k_base();
    let tokens = other.encode(text);
    let shown: String = text.chars().take(80).collect();
    assert_eq!(count(text), tokens.len() as u64, "{shown:?}");
    for most in [1, tokens.len() / 3, tokens.len() / 2] {
        let most = most.min(tokens.len());
        let mut shorter = (0..=most).rev();
        let begin = shorter.find_map(|end| other.decode(&tokens[..end]));
        let begin = begin.expect("nothing is a text too");
        assert_eq!(
            truncate(text, most as u64),
            begin,
            "{shown:?} in {most} tokens"
        );
    }
}

#[test]
fn texts_of_all_kinds_are_counted_the_same() {
    let source = include_str!("../../src/tui/text/mod.rs");
    let page = include_str!("../../docs/api.md");
    agrees(source);
    agrees(page);
    for (part, times) in [
        ("a", 40_000),
        ("ab", 8_000),
        (" ", 40_000),
        ("\n", 40_000),
        ("=", 40_000),
        ("\r\n \t", 8_000),
        ("あいうえおかきくけこ", 2_000),
        ("吾輩は猫である。ｶﾅ カナ\n", 500),
        ("😀", 8_000),
        ("👩‍👩‍👧‍👦🏳️‍🌈🤷🏽‍♀️é́́ ", 200),
        ("Don't I'LL we'Re ǅʼs 1234567 ", 200),
    ] {
        agrees(&part.repeat(times));
        agrees(&format!("x{} y", part.repeat(times / 7)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_text_is_counted_the_same(text in any::<String>()) {
        agrees(&text);
    }

    #[test]
    fn spaces_and_marks_are_counted_the_same(
        text in "[ \n\t\r\u{a0}\u{3000}a1's.SÉ/ǅʰا\u{301}\u{200d}]{0,200}"
    ) {
        agrees(&text);
    }

    /// One piece that takes more than a window.
    #[test]
    fn long_words_are_counted_the_same(
        parts in prop::collection::vec(("[a-z]{1,9}|[あ-ん]{1,9}", 1..400_usize), 5..20)
    ) {
        let word: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
        agrees(&word);
    }
}
