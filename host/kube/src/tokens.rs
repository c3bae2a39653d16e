//! The token by which the API server knows us, made anew before it ends.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::sync::Mutex;

/// Why no token could be made.
pub type TokenError = Box<dyn Error + Send + Sync>;

/// What a request fails with that got no token.
#[derive(Debug, thiserror::Error)]
#[error("no token for the Kubernetes API")]
pub(crate) struct NoToken(#[source] pub(crate) TokenError);

/// Makes a token.
pub type MakeToken = Arc<dyn Fn() -> BoxFuture<'static, Result<SecretString, TokenError>> + Send + Sync>;

/// A token of this age is not sent any more if another can be made. Those of EKS are good for 15 minutes, those of other clouds for
/// longer, but a cloud may hand out one that it made a while ago.
pub(crate) const RENEW_AFTER: Duration = Duration::from_secs(5 * 60);
/// One of this age is sent while no other can be made.
const BEAR_FOR: Duration = Duration::from_secs(10 * 60);

/// The token by which the API server knows us. Copies share it.
///
/// Whoever waits for other organisations waits for days, and tokens are good for minutes: each request asks for the one that is
/// good now.
#[derive(Clone)]
pub struct Tokens(Arc<Source>);

enum Source {
    Fixed(SecretString),
    Made { make: MakeToken, held: Mutex<Held>, renew_after: Duration },
}

struct Held {
    token: SecretString,
    /// By the clock of the machine, which goes on while the machine sleeps.
    since: SystemTime,
}

impl Held {
    /// Whether it is younger than this. One of the future tells that the clock was set back, and nothing of its age.
    fn is_younger(&self, age: Duration) -> bool {
        self.since.elapsed().is_ok_and(|elapsed| elapsed < age)
    }
}

impl Tokens {
    /// Makes the first one now.
    ///
    /// # Errors
    ///
    /// Those of `make`.
    pub async fn made_by(make: MakeToken) -> Result<Self, TokenError> {
        Self::made_every(make, RENEW_AFTER).await
    }

    async fn made_every(make: MakeToken, renew_after: Duration) -> Result<Self, TokenError> {
        let since = SystemTime::now();
        let held = Mutex::new(Held { token: make().await?, since });
        Ok(Self(Arc::new(Source::Made { make, held, renew_after })))
    }

    /// The token to use now, for minutes.
    ///
    /// # Errors
    ///
    /// If the one that is held is old and no other can be made.
    pub async fn current(&self) -> Result<SecretString, TokenError> {
        let (make, held, renew_after) = match &*self.0 {
            Source::Fixed(token) => return Ok(token.clone()),
            Source::Made { make, held, renew_after } => (make, held, renew_after),
        };
        let mut held = held.lock().await;
        if held.is_younger(*renew_after) {
            return Ok(held.token.clone());
        }
        // Its age counts from before it was made.
        let since = SystemTime::now();
        match make().await {
            Ok(token) => *held = Held { token, since },
            Err(err) if held.is_younger(BEAR_FOR) => {
                tracing::warn!(%err, "no new token for the Kubernetes API; the former one is used a while longer");
            }
            Err(err) => return Err(err),
        }
        Ok(held.token.clone())
    }
}

impl<T: Into<SecretString>> From<T> for Tokens {
    /// One that stays.
    fn from(token: T) -> Self {
        Self(Arc::new(Source::Fixed(token.into())))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use secrecy::ExposeSecret as _;

    use super::*;

    /// Tokens `1`, `2` and so on; none any more after the last.
    fn numbered(last: u32) -> MakeToken {
        let made = AtomicU32::new(0);
        Arc::new(move || {
            let n = made.fetch_add(1, Ordering::Relaxed) + 1;
            let token = if n <= last { Ok(n.to_string().into()) } else { Err("the issuer is down".into()) };
            Box::pin(async { token })
        })
    }

    async fn said(tokens: &Tokens) -> Result<String, String> {
        let token = tokens.current().await.map_err(|err| err.to_string())?;
        Ok(token.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn one_that_is_young_is_used_again() -> Result<(), TokenError> {
        let tokens = Tokens::made_by(numbered(9)).await?;
        assert_eq!((said(&tokens).await, said(&tokens.clone()).await), (Ok("1".into()), Ok("1".into())));
        Ok(())
    }

    #[tokio::test]
    async fn an_old_one_is_replaced_for_every_copy() -> Result<(), TokenError> {
        let tokens = Tokens::made_every(numbered(9), Duration::ZERO).await?;
        assert_eq!((said(&tokens).await, said(&tokens.clone()).await), (Ok("2".into()), Ok("3".into())));
        Ok(())
    }

    #[tokio::test]
    async fn while_no_other_can_be_made_the_held_one_is_borne_until_it_is_too_old() -> Result<(), TokenError> {
        let tokens = Tokens::made_every(numbered(1), Duration::ZERO).await?;
        assert_eq!(said(&tokens).await, Ok("1".into()));
        let Source::Made { held, .. } = &*tokens.0 else { return Err("it is made".into()) };
        held.lock().await.since -= BEAR_FOR;
        assert_eq!(said(&tokens).await, Err("the issuer is down".into()));
        Ok(())
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_makes_no_token_eternal() -> Result<(), TokenError> {
        let tokens = Tokens::made_by(numbered(9)).await?;
        let Source::Made { held, .. } = &*tokens.0 else { return Err("it is made".into()) };
        held.lock().await.since += Duration::from_secs(24 * 60 * 60);
        assert_eq!(said(&tokens).await, Ok("2".into()));
        Ok(())
    }

    #[tokio::test]
    async fn a_token_that_stays_needs_nobody_and_is_not_printed() {
        let tokens = Tokens::from("sesame");
        assert_eq!(said(&tokens).await, Ok("sesame".into()));
        assert_eq!(format!("{tokens:?}"), "Tokens");
    }
}
