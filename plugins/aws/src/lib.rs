//! Infrastructure on Amazon Web Services.
