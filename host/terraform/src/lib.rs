//! The driver of terraform and OpenTofu.
