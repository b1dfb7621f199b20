//! The `[[rule]]` tables.

use super::error::Problem;
use super::model::check_upstream;
use crate::model::Upstream;
use crate::rules::{Rules, Written};

/// Checks that the models that rules name are there. The error comes with the path of the key.
pub(super) fn check_models(
    rules: &Rules,
    upstreams: &[Upstream],
) -> Result<(), ([String; 3], Problem)> {
    rules.models().try_for_each(|(place, key, model)| {
        check_upstream(model, upstreams)
            .map_err(|problem| (["rule".into(), format!("[{place}]"), key.into()], problem))
    })
}

/// Checks the rules of a file. The error comes with the path of the key.
pub(super) fn check(rules: &[Written]) -> Result<Rules, ([String; 3], Problem)> {
    Rules::new(rules).map_err(|(place, key, error)| {
        (
            ["rule".into(), format!("[{place}]"), key.into()],
            error.into(),
        )
    })
}
