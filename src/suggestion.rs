//! Finding the name that a mistyped one was probably meant to be.

use strsim::osa_distance;

/// The candidate with the smallest edit distance to `name`, if that is small enough for a typing
/// error.
pub(crate) fn suggest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (osa_distance(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().div_ceil(3).min(3))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn suggests_a_slip_but_not_another_word() {
        let names = ["listen", "state_dir", "models", "bell"];
        let suggestion = |name| suggest(name, names.into_iter());
        assert_eq!(suggestion("modles"), Some("models"));
        assert_eq!(suggestion("statedir"), Some("state_dir"));
        assert_eq!(suggestion("colour"), None);
    }
}
