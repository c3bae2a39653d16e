/// Why a token is not taken. Never carries the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("token is too large")]
    TooLarge,
    #[error("token is missing the prefix `k8s-aws-v1.`")]
    Prefix,
    #[error("token is no base64url without padding")]
    Encoding,
    #[error("token holds no URL")]
    Url,
    #[error("unexpected scheme `{0}` in pre-signed URL")]
    Scheme(String),
    #[error("unexpected host `{0}` in pre-signed URL")]
    Host(String),
    #[error("unexpected path in pre-signed URL")]
    Path,
    #[error("query parameter `{0}` is not allowed")]
    Parameter(String),
    #[error("query parameter `{0}` has several values")]
    Repeated(String),
    #[error("unexpected action in pre-signed URL")]
    Action,
    #[error("client did not sign the header `x-k8s-aws-id`")]
    ClusterNotSigned,
    #[error("X-Amz-Expires is not between 0 and 900")]
    Expires,
    #[error("X-Amz-Date is no date")]
    Date,
    #[error("X-Amz-Date is more than 15 minutes ago")]
    Expired,
    #[error("X-Amz-Date is more than 5 minutes ahead")]
    NotYet,
    #[error("X-Amz-Credential is not for a token service: `{0}`")]
    Scope(String),
    #[error("the token service knows no key `{0}`")]
    UnknownKey(String),
    #[error("the token service calculates another signature")]
    Signature,
    #[error("the token service does not say who this is: {0}")]
    Service(String),
    #[error("`{0}` is no principal")]
    Principal(String),
    #[error("no access entry for `{0}`")]
    NoEntry(String),
}
