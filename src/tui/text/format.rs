//! Formats sizes, durations and times of day for the terminal.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The name of an agent without its version and where it runs.
pub fn agent_name(agent: &str) -> &str {
    agent.split('/').next().unwrap_or_default()
}

/// A number of bytes: `46 B`, `16.9 KB`, `5.0 MB`.
pub fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..999_950 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The time from `since` to `now`: `12 s`, `4 m 12 s`, `3 h 05 m`, `2 d 4 h`.
pub fn elapsed(since: Timestamp, now: Timestamp) -> String {
    let seconds = elapsed_seconds(since, now);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} m {:02} s", seconds % 60),
        3_600..86_400 => format!("{hours} h {:02} m", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Whole seconds from `since` to `now`; none if the clock was set back.
pub fn elapsed_seconds(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second() - since.as_second()).unwrap_or(0)
}

/// The time of day: `07:41:02`.
pub fn time_of_day(at: Timestamp, zone: &TimeZone) -> String {
    let at = zone.to_datetime(at);
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

/// The time of day if `at` is today, else the date: `07:41`, `2026-01-02`.
pub fn day_or_time(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let [at, now] = [at, now].map(|at| zone.to_datetime(at));
    if at.date() == now.date() {
        format!("{:02}:{:02}", at.hour(), at.minute())
    } else {
        at.date().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let sizes = [0, 999, 1_000, 16_900, 999_949, 999_950, 5_000_000].map(size);
        assert_eq!(
            sizes,
            [
                "0 B", "999 B", "1.0 KB", "16.9 KB", "999.9 KB", "1.0 MB", "5.0 MB"
            ]
        );
        let at = |second| Timestamp::from_second(second).unwrap();
        let waits = [0, 59, 252, 3_600, 11_100, 187_200].map(|second| elapsed(at(0), at(second)));
        assert_eq!(
            waits,
            ["0 s", "59 s", "4 m 12 s", "1 h 00 m", "3 h 05 m", "2 d 4 h"]
        );
        assert_eq!(elapsed(at(9), at(3)), "0 s");
        assert_eq!(time_of_day(at(27_662), &TimeZone::UTC), "07:41:02");
        let day = |now| day_or_time(at(27_662), at(now), &TimeZone::UTC);
        assert_eq!([day(86_399), day(86_400)], ["07:41", "1970-01-01"]);
    }
}
