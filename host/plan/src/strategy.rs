//! The values that pass between the host and a pooling strategy, lifted from the contract of its version.

pub mod action;
pub mod certificate;
pub mod decision;
pub mod intent;
pub mod member;
pub mod observation;
pub mod probe;
