//! Guests that behave badly.
