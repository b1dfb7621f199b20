//! What the bench is told on its command line and by the environment.

use std::path::PathBuf;

use clap::Parser;

/// Where further programs to measure are named, as in PATH.
const BINARIES: &str = "HUMANLLM_BENCH_BINARY";

/// Measures the program under load, in a terminal of its own, beside a bare server.
///
/// Each program of HUMANLLM_BENCH_BINARY (paths with a colon between them) is measured too, in
/// turns with this one.
#[derive(Parser, Clone, Debug)]
#[command(name = "load")]
pub struct Options {
    /// Everything small, to see that it works; the figures mean little
    #[arg(long)]
    pub quick: bool,
    /// Only these parts: rate, memory, latency, growth, large, through, start
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Measure only the programs of HUMANLLM_BENCH_BINARY
    #[arg(long)]
    pub others_only: bool,
    /// How often each program has its turn
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Requests of a round that measures their rate
    #[arg(long, default_value_t = 1500)]
    pub requests: u64,
    /// Requests that are on their way at once
    #[arg(long, default_value_t = 64)]
    pub at_once: usize,
    /// Streams held while memory is measured
    #[arg(long, value_delimiter = ',', default_value = "1000,5000,10000")]
    pub held: Vec<u64>,
    /// Requests of a round, one after the other, each answered before the next
    #[arg(long, default_value_t = 150)]
    pub exchanges: u64,
    /// Turns of the conversation that grows
    #[arg(long, default_value_t = 300)]
    pub turns: usize,
    /// Prompts of 5 MB that are answered at once; as many more are answered later
    #[arg(long, default_value_t = 15)]
    pub large: usize,
    /// Starts of a round
    #[arg(long, default_value_t = 15)]
    pub starts: usize,
    /// Megabytes of the large journal, at most 1024
    #[arg(long, default_value_t = 300.0)]
    pub journal: f64,
    /// Give the items of each request ids of their own, as Codex does
    #[arg(long)]
    pub own_ids: bool,
    /// Cargo says this to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Of this process.
    pub fn read() -> Self {
        let mut options = Self::parse();
        options.journal = options.journal.min(1024.0);
        options.turns = options.turns.max(30);
        if options.quick {
            options.rounds = 1;
            options.requests = 200;
            options.held = vec![200, 400];
            options.exchanges = 10;
            options.turns = 30;
            options.large = 2;
            options.starts = 3;
            options.journal = 20.0;
        }
        options
    }

    /// Whether a part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == part)
    }

    /// The programs, `own` among them.
    pub fn programs(&self, own: &str) -> Vec<PathBuf> {
        let others = std::env::var_os(BINARIES).unwrap_or_default();
        let own = (!self.others_only).then(|| own.into());
        let others = std::env::split_paths(&others).filter(|path| !path.as_os_str().is_empty());
        own.into_iter().chain(others).collect()
    }
}
