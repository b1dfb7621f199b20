//! Models on other servers, which draft what the person would say.
//!
//! [`Models`] takes the orders of the inbox, asks the [`Upstream`] that each is for, and hands back
//! what it says. What stands in a request and what an answer means is known by
//! [`api::upstream`](crate::api::upstream); this is how the one gets there and the other back.

mod base_url;
mod client;
mod connection;
mod events;
mod failure;
mod models;
mod reading;
mod trust;
mod upstream;

pub use base_url::{BaseUrl, BaseUrlError};
pub(crate) use client::{Client, Offered};
pub use events::{EventParser, ServerEvent, TooLong};
pub(crate) use failure::{Failure, listed};
pub use models::{Catalog, Models};
pub use upstream::{KeyVariable, Timeouts, Upstream};
