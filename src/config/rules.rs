//! The `[[rule]]` tables.

use super::error::ValueProblem;
use super::model::check_upstream;
use crate::model::Upstream;
use crate::rules::{RuleTable, Rules};

/// Checks that the models that rules name exist. An error comes with the path of the key.
pub(super) fn check_models(
    rules: &Rules,
    upstreams: &[Upstream],
) -> Result<(), (Vec<String>, ValueProblem)> {
    rules.models().try_for_each(|(place, key, model)| {
        check_upstream(model, upstreams).map_err(|problem| (key_path(place, key), problem))
    })
}

/// Checks the rules of a file. An error comes with the path of the key.
pub(super) fn check(rules: &[RuleTable]) -> Result<Rules, (Vec<String>, ValueProblem)> {
    Rules::new(rules).map_err(|(place, key, error)| (key_path(place, key), error.into()))
}

fn key_path(place: usize, key: &str) -> Vec<String> {
    vec!["rule".into(), format!("[{place}]"), key.into()]
}
