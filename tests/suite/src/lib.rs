//! End-to-end cases, one file per command.
