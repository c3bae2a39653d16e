//! End-to-end cases of `hangar`, one file per command: they stand in `tests/suite`.
