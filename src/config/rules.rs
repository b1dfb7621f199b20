//! The `[[rule]]` tables.

use super::error::Problem;
use crate::rules::{Rules, Written};

/// Checks the rules of a file. The error comes with the path of the key.
pub(super) fn check(rules: &[Written]) -> Result<Rules, (Vec<String>, Problem)> {
    Rules::new(rules).map_err(|(place, key, error)| {
        let number = (place + 1).to_string();
        (vec!["rule".into(), number, key.into()], error.into())
    })
}
