//! The roster as several organisations use it, and as somebody attacks it.

mod abandoned;
mod adopted;
mod adversary;
mod bounds;
mod eviction;
mod gates;
mod histories;
mod keys;
mod model;
mod organisation;
mod pooling;
mod protocol;
mod races;
mod threat_model;
