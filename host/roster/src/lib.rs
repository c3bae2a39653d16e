//! Signed records of the members of a pool.
