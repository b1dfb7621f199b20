//! What a process costs, as Linux tells it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::DEADLINE;

/// Ticks per second in `/proc/PID/stat`, which Linux fixes for all programs.
const USER_HZ: f64 = 100.0;

/// How often a process is looked at that shall come to rest.
const GLANCE: Duration = Duration::from_millis(100);

/// A running process.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// The process that measures.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// Milliseconds of CPU that all its threads have used so far.
    pub fn cpu(self) -> f64 {
        let stat = self.read("stat");
        // The name of the program, in brackets, may hold anything.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = |index| fields.split_whitespace().nth(index)?.parse::<f64>().ok();
        let (user, system) = (ticks(11), ticks(12));
        let ticks = user.zip(system).map(|(user, system)| user + system);
        ticks.unwrap_or_else(|| panic!("no times in {stat:?}")) * 1000.0 / USER_HZ
    }

    /// The memory that it holds now.
    pub fn memory(self) -> Memory {
        let status = self.read("status");
        let megabytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
            value.unwrap_or_else(|| panic!("no {name} in {status}")) / 1024.0
        };
        Memory {
            resident: megabytes("VmRSS"),
            anonymous: megabytes("RssAnon"),
        }
    }

    /// Waits until the process has done what there was to do; a clock that ticks is no work.
    pub fn settle(self) {
        let end = Instant::now() + DEADLINE;
        let mut before = self.cpu();
        let mut quiet = 0;
        while quiet < 2 {
            assert!(Instant::now() < end, "process {} does not rest", self.0);
            std::thread::sleep(GLANCE);
            let now = self.cpu();
            quiet = if now - before > 10.0 { 0 } else { quiet + 1 };
            before = now;
        }
    }

    fn read(self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// Memory in MiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// All that is in RAM, pages of the program's file included.
    pub resident: f64,
    /// What the program has allocated.
    pub anonymous: f64,
}

/// The bytes of all files below a folder.
pub fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => folder_size(&entry.path()),
        Ok(data) => data.len(),
        // Gone since.
        Err(_) => 0,
    });
    sizes.sum()
}

/// Allows this process and all that it starts as many open connections as the system does.
///
/// # Panics
///
/// If `wanted` is more than that.
pub fn raise_descriptors(wanted: usize) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).expect("a higher limit of open files");
    // Some are for files, pipes and the terminal.
    let wanted = wanted as u64 + 100;
    assert!(
        maximum.is_none_or(|maximum| maximum >= wanted),
        "{wanted} open files are needed, and the system allows {maximum:?}: \
         raise the limit (ulimit -Hn) or choose other numbers with --held"
    );
}
