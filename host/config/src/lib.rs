//! The workspace file and the environment: as typed, then validated.
