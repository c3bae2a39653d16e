use crate::WorldError;

/// Why the emulator of AWS is of no use. Never carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// It did not start.
    #[error("no emulator of AWS")]
    Start(#[from] WorldError),
    /// A call did not reach it.
    #[error("cannot call {call}")]
    Send {
        call: String,
        #[source]
        err: reqwest::Error,
    },
    /// It refused a call.
    #[error("{call} was refused with status {status}: {body}")]
    Refused { call: String, status: u16, body: String },
    /// Its answer lacks something.
    #[error("the answer to {call} holds no `{wanted}`")]
    Answer { call: String, wanted: &'static str },
}
