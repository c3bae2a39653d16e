//! Who a client is: by its certificate, which must carry the user's name.

use std::fmt::Debug;

use async_trait::async_trait;
use futures::{Sink, SinkExt as _};
use pgwire::api::auth::{StartupHandler, protocol_negotiation, save_startup_parameters_to_metadata};
use pgwire::api::{ClientInfo, METADATA_DATABASE, METADATA_USER, PgWireConnectionState};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{Authentication, BackendKeyData, ParameterStatus, SecretKey};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::{Handler, fatal};
use crate::certs::leaf::Leaf;
use crate::certs::principals::Principals;
use crate::node::config::Dialect;
use crate::node::{Phase, YUGABYTE};
use crate::sql::Session;
use crate::sql::error::SqlError;
use crate::sql::vars::Variables;

/// The database of who names none, for each dialect.
const fn default_database(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Cockroach => "defaultdb",
        Dialect::Yugabyte => "yugabyte",
    }
}

fn refused(err: &SqlError) -> PgWireError {
    PgWireError::UserError(Box::new(fatal(err)))
}

#[async_trait]
impl StartupHandler for Handler {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                if !client.is_secure() {
                    let text = "node is running secure mode, SSL connection required";
                    return Err(refused(&SqlError::new("08P01", text)));
                }
                if self.node.phase() == Phase::Draining {
                    return Err(refused(&SqlError::new("57P01", "server is not accepting clients, try another node")));
                }
                let user = client.metadata().get(METADATA_USER).cloned().unwrap_or_default().to_lowercase();
                self.check_account(&user)?;
                let shown =
                    client.client_certificates().and_then(|chain| chain.first()).and_then(|der| Leaf::parse(der).ok());
                let Some(leaf) = shown else {
                    // Without a certificate there is a password, and nobody has one.
                    client.set_state(PgWireConnectionState::AuthenticationInProgress);
                    client.send(PgWireBackendMessage::Authentication(Authentication::CleartextPassword)).await?;
                    return Ok(());
                };
                self.check_certificate(&user, &leaf)?;
                self.welcome(client, user).await
            }
            PgWireFrontendMessage::PasswordMessageFamily(_) => {
                let user = client.metadata().get(METADATA_USER).cloned().unwrap_or_default();
                Err(refused(&no_password(&user)))
            }
            _ => Ok(()),
        }
    }
}

fn no_password(user: &str) -> SqlError {
    SqlError::new("28P01", format!("password authentication failed for user {user}"))
}

impl Handler {
    /// A user without an account is told what a wrong password is told, so that nobody learns who has one.
    fn check_account(&self, user: &str) -> PgWireResult<()> {
        let known = user == "root"
            || self.node.state().is_some_and(|state| state.catalog.users().iter().any(|account| account == user));
        if known { Ok(()) } else { Err(refused(&no_password(user))) }
    }

    fn check_certificate(&self, user: &str, leaf: &Leaf) -> PgWireResult<()> {
        let principals = Principals::of(leaf, self.node.certs.principal_map());
        if self.node.config.dialect == Dialect::Yugabyte {
            // Who comes here is a tablet server, which has looked at the client's certificate.
            return Ok(());
        }
        if principals.include(user) {
            return Ok(());
        }
        let subject = &leaf.subject;
        let err =
            SqlError::new("28000", format!("certificate authentication failed for user {user:?} (DN: {subject})"))
                .with_detail(format!(
                    "The client certificate (DN: {subject}) is valid for {}.",
                    principals.described()
                ));
        Err(refused(&err))
    }

    async fn welcome<C>(&self, client: &mut C, user: String) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let node = &self.node;
        let dialect = node.config.dialect;
        let id = i32::from_be_bytes(uuid::Uuid::new_v4().into_bytes()[..4].try_into().unwrap_or_default()) & i32::MAX;
        let given = |name: &str| client.metadata().get(name).cloned();
        let database = given(METADATA_DATABASE)
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| default_database(dialect).to_owned());
        if dialect == Dialect::Yugabyte && node.state().is_none_or(|state| state.catalog.database(&database).is_none())
        {
            // PostgreSQL opens no session in a database that is not there.
            return Err(refused(&SqlError::undefined_database(&database)));
        }
        let node_id = node.identity().map_or(0, |identity| identity.node_id.0);
        let mut vars = Variables::new(id, user, database, &node.build, node_id);
        let options = given("options").unwrap_or_default();
        let mut wanted = parse_options(&options);
        for name in ["application_name", "statement_timeout", "extra_float_digits", "search_path", "timezone"] {
            wanted.extend(given(name).map(|value| (name.to_owned(), value)));
        }
        for (name, value) in wanted {
            vars.set(&name, &value).map_err(|err| refused(&err))?;
        }
        let version = match dialect {
            Dialect::Cockroach => "13.0.0",
            Dialect::Yugabyte => YUGABYTE,
        };
        let mut statuses = vec![
            ("client_encoding", "UTF8".to_owned()),
            ("DateStyle", "ISO, MDY".to_owned()),
            ("IntervalStyle", "postgres".to_owned()),
            ("TimeZone", "UTC".to_owned()),
            ("integer_datetimes", "on".to_owned()),
            ("standard_conforming_strings", "on".to_owned()),
            ("server_version", version.to_owned()),
            ("session_id", vars.variable("session_id")?),
            ("is_superuser", vars.variable("is_superuser")?),
            ("application_name", vars.variable("application_name")?),
        ];
        if dialect == Dialect::Cockroach {
            statuses.push(("crdb_version", node.build.sql_text()));
        }
        *self.session.lock().await = Some(Session::new(std::sync::Arc::clone(node), vars));
        client.feed(PgWireBackendMessage::Authentication(Authentication::Ok)).await?;
        for (name, value) in statuses {
            let status = ParameterStatus::new(name.to_owned(), value);
            client.feed(PgWireBackendMessage::ParameterStatus(status)).await?;
        }
        client.set_pid_and_secret_key(id, SecretKey::I32(id));
        client.feed(PgWireBackendMessage::BackendKeyData(BackendKeyData::new(id, SecretKey::I32(id)))).await?;
        client.send(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(TransactionStatus::Idle))).await?;
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }
}

/// Reads `-c name=value` and `--name=value`.
fn parse_options(options: &str) -> Vec<(String, String)> {
    let words: Vec<&str> = options.split_whitespace().collect();
    let mut pairs = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let pair = match word {
            "-c" => words.next().unwrap_or_default(),
            other => other.trim_start_matches("-c").trim_start_matches("--"),
        };
        if let Some((name, value)) = pair.split_once('=') {
            pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::parse_options;

    #[test]
    fn options_come_in_two_spellings() {
        let pairs = parse_options("-c statement_timeout=5s --application_name=dss -callow_unsafe_internals=on");
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["statement_timeout", "application_name", "allow_unsafe_internals"]);
    }
}
