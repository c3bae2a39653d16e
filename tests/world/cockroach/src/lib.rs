//! CockroachDB nodes of the offline world.
