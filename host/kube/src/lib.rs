//! The driver of the Kubernetes API.
