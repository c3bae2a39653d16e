//! The only place that starts a child process.
