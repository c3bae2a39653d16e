//! The loop around a pooling strategy.
