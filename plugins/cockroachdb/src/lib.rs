//! Pooling of CockroachDB nodes of several organisations.
