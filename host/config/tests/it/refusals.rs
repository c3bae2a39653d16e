//! One test for each way a file can be wrong: what is shown, and where.

mod artifacts;
mod credentials;
mod form;
mod instance;
mod whole;
