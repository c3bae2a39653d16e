//! Runs a plan: steps, journal, lock, resume.
