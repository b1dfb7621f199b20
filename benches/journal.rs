//! How long something takes to be in the journal, and how long the journal takes to open.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use humanllm::journal::{
    Blob, ConversationRow, DraftRow, Journal, JournalOptions, Record, TurnRow, TurnState,
};

/// Text that compresses about as well as what agents send.
fn words(bytes: usize, seed: usize) -> String {
    let mut text = String::with_capacity(bytes + 20);
    let mut number = seed.wrapping_mul(0x9e37_79b9) | 1;
    while text.len() < bytes {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.push_str(["the ", "function ", "returns ", "\"type\": "][number >> 40 & 3]);
        text.push_str(&format!("{:x} ", number >> 44));
    }
    text
}

/// Text that does not compress at all.
fn noise(bytes: usize, seed: u64) -> String {
    let mut number = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letters = (0..bytes).map(|_| {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        char::from(b'0' + (number % 75) as u8)
    });
    letters.collect()
}

/// What a request of 39 KB becomes: instructions, tools and context that every request has, and what
/// was said in this one.
struct Requests {
    instructions: Blob,
    tools: Blob,
    items: Vec<Blob>,
    envelope: Blob,
}

impl Requests {
    fn new() -> Self {
        Self {
            instructions: Blob::new(words(14_000, 1)),
            tools: Blob::new(words(18_000, 2)),
            items: vec![Blob::new(words(5_000, 3)), Blob::new(words(1_500, 4))],
            envelope: Blob::new(words(500, 5)),
        }
    }

    /// The records of a turn with these words after what every request has.
    fn turn(&self, id: i64, conversation: i64, said: &[Blob]) -> Vec<Record> {
        let text = said.last().cloned();
        let row = ConversationRow {
            id: conversation,
            thread: Some(format!("thread {conversation}")),
            chain: None,
            automatic: None,
            prefix: None,
            agent: "codex".into(),
            title: format!("Conversation {conversation}"),
            begun: 1,
            active: id,
            state: TurnState::Waiting,
        };
        let turn = TurnRow {
            id,
            conversation,
            format: 1,
            arrived: id,
            state: TurnState::Waiting,
            envelope: self.envelope.clone(),
            instructions: Some(self.instructions.clone()),
            tools: Some(self.tools.clone()),
            items: self.items.iter().chain(said).cloned().collect(),
            detail: "{}".into(),
        };
        let mut records = vec![Record::Conversation(row), Record::Turn(Box::new(turn))];
        records.extend(text.map(|text| Record::Text { conversation, text }));
        records
    }
}

fn settle(journal: &Journal, records: Vec<Record>) {
    let seq = journal.write(records);
    assert!(journal.settled_blocking(seq));
}

fn commit(bench: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Journal::open(folder.path(), JournalOptions::default()).expect("a journal");
    let mut group = bench.benchmark_group("journal");
    let mut number = 0;

    group.bench_function("draft_of_200_bytes", |bench| {
        let body = words(200, 9);
        bench.iter(|| {
            number += 1;
            let draft = DraftRow {
                conversation: number % 10,
                updated: number,
                body: body.clone(),
            };
            settle(&journal, vec![Record::Draft(draft)]);
        });
    });

    let requests = Requests::new();
    group.bench_function("first_turn_of_39_kb", |bench| {
        bench.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                number += 1;
                let said = [Blob::new(words(200, number as usize))];
                let records = requests.turn(number, number, &said);
                let before = Instant::now();
                settle(&journal, records);
                spent += before.elapsed();
            }
            spent
        });
    });

    // Two items of 2 KB for every turn: 1.2 MB.
    let mut said: Vec<Blob> = (0..600).map(|item| Blob::new(words(2_000, item))).collect();
    number += 1;
    let conversation = number;
    settle(&journal, requests.turn(number, conversation, &said));
    group.bench_function("turn_300_of_1200_kb", |bench| {
        bench.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                number += 1;
                said.truncate(600);
                said.push(Blob::new(words(2_000, 10_000 + number as usize)));
                said.push(Blob::new(words(2_000, 20_000 + number as usize)));
                let records = requests.turn(number, conversation, &said);
                let before = Instant::now();
                settle(&journal, records);
                spent += before.elapsed();
            }
            spent
        });
    });

    let reader = journal.reader();
    group.bench_function("read_turn_300_of_1200_kb", |bench| {
        bench.iter(|| black_box(reader.newest_turn(conversation).expect("readable")));
    });
    group.finish();

    let mut slowest: Vec<Duration> = (0..5_000)
        .map(|_| {
            number += 1;
            let said = [Blob::new(words(200, number as usize))];
            let records = requests.turn(number, number, &said);
            let before = Instant::now();
            settle(&journal, records);
            before.elapsed()
        })
        .collect();
    slowest.sort();
    let at = |share: usize| slowest[slowest.len() * share / 1000];
    println!(
        "journal/first_turn_of_39_kb, 5000 in a row: p50 {:?}, p99 {:?}, p99.9 {:?}",
        at(500),
        at(990),
        at(999)
    );
}

fn open(bench: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let requests = Requests::new();
    let journal = Journal::open(folder.path(), JournalOptions::default()).expect("a journal");
    let mut bytes = 0;
    for number in 1.. {
        let said: Vec<Blob> = (0..50)
            .map(|item| Blob::new(noise(20_000, number as u64 * 50 + item)))
            .collect();
        let mut records = requests.turn(number, number, &said);
        // Without the index, which takes long to make and is not measured here.
        records.truncate(2);
        bytes += said.len() * 20_000;
        settle(&journal, records);
        if bytes >= 1 << 30 {
            break;
        }
    }
    drop(journal);
    bench.bench_function("journal/open_1_gb", |bench| {
        bench.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let before = Instant::now();
                let journal =
                    Journal::open(folder.path(), JournalOptions::default()).expect("a journal");
                let recent = journal.reader().recent(50, None).expect("readable");
                let ids = journal.reader().next_ids().expect("readable");
                spent += before.elapsed();
                assert_eq!(recent.len(), 50);
                black_box(ids);
            }
            spent
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = commit, open
}
criterion_main!(benches);
