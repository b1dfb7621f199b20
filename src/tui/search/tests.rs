use proptest::prelude::*;

use super::*;

/// Steps until there is an answer.
fn run(mut scan: Scan, blocks: &[&str], budget: usize) -> Option<SearchMatch> {
    for _ in 0..10_000 {
        match scan.step(blocks, budget) {
            SearchStep::Found(hit) => return Some(hit),
            SearchStep::NotFound => return None,
            SearchStep::Pending => {}
        }
    }
    panic!("no end");
}

fn place(block: usize, byte: usize) -> SearchPosition {
    SearchPosition { block, byte }
}

fn hit(block: usize, range: Range<usize>, wrapped: bool) -> Option<SearchMatch> {
    Some(SearchMatch {
        block,
        range,
        wrapped,
    })
}

#[test]
fn case_matters_if_the_query_has_upper_case() {
    let matches = |query: &str, line: &str| SearchQuery::new(query).unwrap().matches_in(line);
    assert_eq!(matches("straße", "Straße STRAßE").len(), 2);
    assert_eq!(matches("ÄB", "äb ÄB Äb").first(), Some(&(4..7)));
    assert_eq!(matches("k", "K k \u{212a}"), [0..1, 2..3, 4..7]);
    assert_eq!(matches("a.*", "abc A.*").first(), Some(&(4..7)));
    assert!(SearchQuery::new("").is_none());
    assert!(SearchQuery::new(&"x".repeat(MAX_LENGTH + 1)).is_none());
    assert!(SearchQuery::new(&"é".repeat(MAX_LENGTH)).is_some());
}

#[test]
fn next_and_previous_go_around_and_say_so() {
    let blocks = ["one two", "", "two three", "four"];
    let search = SearchQuery::new("two").unwrap();
    let next = |from| run(search.scan(from, Direction::Next), &blocks, STEP);
    let previous = |from| run(search.scan(from, Direction::Previous), &blocks, STEP);
    assert_eq!(next(place(0, 0)), hit(0, 4..7, false));
    assert_eq!(next(place(0, 7)), hit(2, 0..3, false));
    assert_eq!(next(place(2, 3)), hit(0, 4..7, true));
    assert_eq!(next(place(9, 9)), hit(0, 4..7, true));
    assert_eq!(previous(place(9, 9)), hit(2, 0..3, false));
    assert_eq!(previous(place(2, 0)), hit(0, 4..7, false));
    assert_eq!(previous(place(0, 4)), hit(2, 0..3, true));
    assert_eq!(previous(place(0, 0)), hit(2, 0..3, true));
}

#[test]
fn the_only_match_is_found_again() {
    let blocks = ["a needle b"];
    let search = SearchQuery::new("needle").unwrap();
    for direction in [Direction::Next, Direction::Previous] {
        let found = hit(0, 2..8, true);
        let from = found.as_ref().unwrap().position(direction);
        assert_eq!(run(search.scan(from, direction), &blocks, STEP), found);
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    let search = SearchQuery::new("x").unwrap();
    for direction in [Direction::Next, Direction::Previous] {
        for blocks in [&[][..], &[""][..], &["abc", "é"][..]] {
            assert_eq!(run(search.scan(place(1, 1), direction), blocks, 1), None);
        }
    }
}

#[test]
fn a_step_is_short_however_long_the_text() {
    let text = "lorem ipsum ".repeat(700_000);
    let blocks = [text.as_str()];
    for direction in [Direction::Next, Direction::Previous] {
        let mut scan = SearchQuery::new("dolor")
            .unwrap()
            .scan(place(0, 0), direction);
        let mut steps = 1;
        while scan.step(&blocks[..], STEP) == SearchStep::Pending {
            steps += 1;
        }
        assert!((4..=10).contains(&steps), "{steps}");
    }
}

#[test]
fn texts_may_change_between_steps() {
    let long = "x".repeat(1000);
    for direction in [Direction::Next, Direction::Previous] {
        let mut scan = SearchQuery::new("needle")
            .unwrap()
            .scan(place(2, 900), direction);
        assert_eq!(
            scan.step(&[&long, &long, &long][..], 10),
            SearchStep::Pending
        );
        assert_eq!(run(scan.clone(), &["é needle"], 10).unwrap().range, 3..9);
        assert_eq!(run(scan, &[], 10), None);
    }
}

/// All matches that could be meant, found the slow way.
fn all(search: &SearchQuery, blocks: &[&str]) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    for (block, text) in blocks.iter().enumerate() {
        for (at, _) in text.char_indices() {
            let rest = &text[at..];
            if let Some(first) = search.matches_in(rest).first().filter(|r| r.start == 0) {
                found.push((block, at..at + first.end));
            }
        }
    }
    found
}

proptest! {
    #[test]
    fn steps_find_what_one_look_would(
        texts in prop::collection::vec("[aAbké\u{212a}日]{0,40}", 0..5),
        query in "[aAbké]{1,3}",
        block in 0_usize..6,
        byte in 0_usize..50,
        budget in 1_usize..40,
    ) {
        let blocks: Vec<&str> = texts.iter().map(String::as_str).collect();
        let search = SearchQuery::new(&query).unwrap();
        let all = all(&search, &blocks);
        let text = blocks.get(block).copied().unwrap_or("");

        let from = (block, text.ceil_char_boundary(byte));
        let expected = all.iter().find(|(b, r)| (*b, r.start) >= from).map(|m| (m, false));
        let expected = expected.or_else(|| Some((all.first()?, true)));
        let found = run(search.scan(place(block, byte), Direction::Next), &blocks, budget);
        let expected = expected.map(|((block, range), wrapped)| SearchMatch { block: *block, range: range.clone(), wrapped });
        prop_assert_eq!(found, expected);

        // Backwards, a query that overlaps itself may be found at either place; that a match is
        // found, on which side, and that none lies between, is certain.
        let from = (block, text.floor_char_boundary(byte));
        let found = run(search.scan(place(block, byte), Direction::Previous), &blocks, budget);
        let before: Vec<_> = all.iter().filter(|(b, r)| (*b, r.end) <= from).collect();
        match found {
            None => prop_assert!(all.is_empty()),
            Some(found) => {
                prop_assert!(all.contains(&(found.block, found.range.clone())));
                prop_assert_eq!(found.wrapped, before.is_empty());
                let candidates = if before.is_empty() { all.iter().collect() } else { before };
                let (block, last) = candidates.last().unwrap();
                prop_assert_eq!(*block, found.block);
                prop_assert!(last.start < found.range.end, "{:?} after {:?}", last, found);
            }
        }
    }
}
