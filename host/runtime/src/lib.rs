//! Runs plugins: engine, cache, limits, grants.
