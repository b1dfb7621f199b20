//! A parser for server-sent events.

use std::borrow::Cow;

/// Most bytes of one event. Some servers repeat the whole response in the last event, images
/// included.
const MAX_BYTES: usize = 32 << 20;

/// Reads events from bytes that may be cut anywhere.
#[derive(Debug, Default)]
pub struct EventParser {
    /// The incomplete line.
    line: Vec<u8>,
    /// The `event:` field; empty if absent.
    name: String,
    data: String,
    /// Whether the event has a line of data.
    has_data: bool,
    /// Whether the last byte was a carriage return; a line feed after it belongs to the same line
    /// end.
    after_carriage_return: bool,
    /// Whether the first line is over, which may begin with a byte order mark.
    is_past_byte_order_mark: bool,
}

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerEvent<'a> {
    /// What it is called; empty if it does not say.
    pub name: &'a str,
    /// The `data:` fields, joined with line breaks.
    pub data: &'a str,
}

/// An event exceeds the size limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {} MiB", MAX_BYTES >> 20)]
pub struct TooLong;

impl EventParser {
    /// Takes bytes, and passes each complete event to `take`, which may stop with an error.
    ///
    /// # Errors
    ///
    /// [`TooLong`], or the error of `take`.
    pub fn feed<E: From<TooLong>>(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(ServerEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_carriage_return) && *first == b'\n' {
                bytes = &bytes[1..];
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.check(bytes.len())?;
                self.line.extend_from_slice(bytes);
                return Ok(());
            };
            self.check(end)?;
            // Most lines are complete, and need not be copied.
            if self.line.is_empty() {
                self.take_line(&bytes[..end], &mut take)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&bytes[..end]);
                self.take_line(&line, &mut take)?;
                line.clear();
                self.line = line;
            }
            self.after_carriage_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    /// Passes on an event without an empty line after it at the end of the stream. Browsers drop
    /// such an event, but some servers end their last event so.
    ///
    /// # Errors
    ///
    /// The error of `take`.
    pub fn end<E: From<TooLong>>(
        &mut self,
        mut take: impl FnMut(ServerEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.after_carriage_return = false;
        self.feed(b"\n\n", &mut take)
    }

    fn check(&self, more: usize) -> Result<(), TooLong> {
        match self.line.len() + self.data.len() + more {
            0..=MAX_BYTES => Ok(()),
            _ => Err(TooLong),
        }
    }

    fn take_line<E>(
        &mut self,
        line: &[u8],
        take: &mut impl FnMut(ServerEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = if std::mem::replace(&mut self.is_past_byte_order_mark, true) {
            line
        } else {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        };
        if line.is_empty() {
            return self.take_event(take);
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match field {
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(&text(value));
            }
            b"event" => {
                self.name.clear();
                self.name.push_str(&text(value));
            }
            // Comments, `id:`, `retry:` and unknown fields are ignored.
            _ => {}
        }
        Ok(())
    }

    fn take_event<E>(
        &mut self,
        take: &mut impl FnMut(ServerEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let taken = if std::mem::take(&mut self.has_data) {
            take(ServerEvent {
                name: &self.name,
                data: &self.data,
            })
        } else {
            Ok(())
        };
        self.name.clear();
        self.data.clear();
        taken
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Event = (String, String);

    fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
        let mut parser = EventParser::default();
        let mut events = Vec::new();
        let mut take = |event: ServerEvent<'_>| {
            events.push((event.name.to_owned(), event.data.to_owned()));
            Ok::<_, TooLong>(())
        };
        for chunk in chunks {
            parser.feed(chunk, &mut take).expect("short");
        }
        parser.end(&mut take).expect("short");
        events
    }

    fn event(name: &str, data: &str) -> Event {
        (name.to_owned(), data.to_owned())
    }

    /// All that the format has in it, with `|` for the end of a line.
    const STREAM: &str = "\u{feff}: hello|data: one||event: a|id: 7|data:two|data|data:  three||\
                          retry: 3||event: lost||data: über|other: x|||data: {\"a\": \":\"}||data: last";

    fn expected() -> Vec<Event> {
        vec![
            event("", "one"),
            event("a", "two\n\n three"),
            event("", "über"),
            event("", "{\"a\": \":\"}"),
            event("", "last"),
        ]
    }

    #[test]
    fn it_does_not_matter_where_bytes_are_cut() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = STREAM.replace('|', end).into_bytes();
            assert_eq!(read([stream.as_slice()]), expected(), "{end:?}");
            assert_eq!(read(stream.chunks(1)), expected(), "{end:?}");
            for cut in 0..stream.len() {
                let (head, tail) = stream.split_at(cut);
                assert_eq!(read([head, &[], tail]), expected(), "{end:?} {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_utf_8_is_read_as_far_as_it_is() {
        assert_eq!(read([&b"data: a\xffb\n\n"[..]]), [event("", "a\u{fffd}b")]);
    }

    #[test]
    fn an_event_without_an_end_is_refused_before_it_fills_the_memory() {
        let chunk = vec![b'x'; 1 << 20];
        for between in [&b""[..], b"\ndata: "] {
            let mut parser = EventParser::default();
            let mut fed = 0;
            let mut feed = |bytes: &[u8]| {
                fed += bytes.len();
                let taken = parser.feed(bytes, |_| Ok::<_, TooLong>(()));
                taken.is_ok() && fed <= 2 * MAX_BYTES
            };
            let mut goes_on = feed(b"data: ");
            while goes_on {
                goes_on = feed(&chunk) && feed(between);
            }
            assert!(fed <= MAX_BYTES + 2 * chunk.len(), "{fed}");
        }
    }

    #[test]
    fn whoever_takes_events_may_end_it() {
        #[derive(Debug, PartialEq)]
        struct Enough;
        impl From<TooLong> for Enough {
            fn from(_: TooLong) -> Self {
                Self
            }
        }
        let mut parser = EventParser::default();
        let ended = parser.feed(b"data: a\n\ndata: b\n\n", |event| match event.data {
            "a" => Err(Enough),
            other => panic!("{other}"),
        });
        assert_eq!(ended, Err(Enough));
    }
}
