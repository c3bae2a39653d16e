//! What an operator can do about an error.

/// What an operator can do about an error. Kept out of the error's own text, which says only what is.
pub trait Hint {
    /// One sentence without a full stop, starting with a verb; none where there is nothing sure to say.
    fn hint(&self) -> Option<String>;
}
