//! The roster as several organisations use it, and as somebody attacks it.

mod abandoned;
mod adopted;
mod adversary;
mod borne_out;
mod bounds;
mod cures;
mod entering;
mod eviction;
mod gates;
mod histories;
mod keys;
mod model;
mod organisation;
mod own_record;
mod pooling;
mod proposals;
mod protocol;
mod races;
mod rotation;
mod silence;
mod threat_model;
mod views;
mod votes;
