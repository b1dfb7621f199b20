//! The content of a compaction item: opaque to clients, readable to this program at any later time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Prefix of content that this program wrote. Base64 follows, so that no client takes it for text
/// and changes it.
const MARK: &str = "humanllm:";

/// The `encrypted_content` that carries a summary.
pub(crate) fn write(summary: &str) -> String {
    format!("{MARK}{}", STANDARD.encode(summary))
}

/// The summary in an `encrypted_content`, if this program wrote it.
pub(crate) fn read(content: &str) -> Option<String> {
    let bytes = STANDARD.decode(content.strip_prefix(MARK)?).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        for summary in ["", "We agreed on Tuesday.", "日本語\n\u{1f980}"] {
            assert_eq!(read(&write(summary)).as_deref(), Some(summary));
        }
        for foreign in ["", "gAAAAABpM0Yj", "humanllm:%%%", "humanllm:/w=="] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }
}
