//! What a plugin author depends on: bindings, helpers.
