//! The roster as several organisations use it, and as somebody attacks it.

mod adversary;
mod gates;
mod keys;
mod organisation;
mod pooling;
mod protocol;
mod races;
