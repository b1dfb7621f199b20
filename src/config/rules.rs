//! The `[[rule]]` tables.

use super::error::Problem;
use crate::rules::{Rules, Written};

/// Checks the rules of a file. The error comes with the path of the key.
pub(super) fn check(rules: &[Written]) -> Result<Rules, ([String; 3], Problem)> {
    Rules::new(rules).map_err(|(place, key, error)| {
        (["rule".into(), format!("[{place}]"), key.into()], error.into())
    })
}
