//! The driver of Helm.
