//! Models on other servers ("upstreams"), which draft replies for the person.
//!
//! [`Models`] takes the drafting orders of the inbox, sends each to its [`Upstream`], and returns
//! the answer as events. Requests are written and answers are read by
//! [`api::upstream`](crate::api::upstream); this module is the transport.

mod answer_reader;
mod base_url;
mod client;
mod connection;
mod events;
mod failure;
mod models;
mod trust;
mod upstream;

pub use base_url::{BaseUrl, BaseUrlError};
pub(crate) use client::{Client, OfferedModel};
pub use events::{EventParser, ServerEvent, TooLong};
pub(crate) use failure::{Failure, join_names};
pub use models::{Catalog, Models};
pub use upstream::{KeyVariable, Timeouts, Upstream};
