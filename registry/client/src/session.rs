//! One repository, signed in to.

use registry_reference::Repository;
use reqwest::{Method, Response, header};

use crate::{
    client::Patience,
    credentials::Login,
    error::{Account, Failure},
    sign_in::{Access, Ticket, sign_in},
    transport::Origin,
};

/// One repository of a registry, with what goes along to be let in. Lives as long as one task.
pub(crate) struct Session {
    pub(crate) origin: Origin,
    pub(crate) repository: Repository,
    pub(crate) ticket: Ticket,
    pub(crate) account: Account,
}

impl Session {
    pub(crate) async fn open(
        origin: &Origin,
        repository: &Repository,
        login: &Login,
        access: Access,
    ) -> Result<Self, Failure> {
        let ticket = sign_in(origin, &repository.path, login, access).await?;
        Ok(Self { origin: origin.clone(), repository: repository.clone(), ticket, account: login.account() })
    }

    /// Asks for `path` below the repository, with any status as an answer.
    pub(crate) async fn ask(&self, method: Method, path: &str, accept: &str) -> Result<Response, Failure> {
        let url = self.origin.url(&format!("{}/{path}", self.repository.path));
        let request = self.origin.http.request(method, url).header(header::ACCEPT, accept);
        self.origin.send(self.ticket.attach(request)).await
    }

    /// Gets `path` below the repository; `what` names it in errors.
    pub(crate) async fn get(&self, path: &str, accept: &str, what: &str) -> Result<Response, Failure> {
        let response = self.ask(Method::GET, path, accept).await?;
        self.origin.check(response, what, &self.account).await
    }

    pub(crate) fn patience(&self) -> Patience {
        self.origin.patience
    }

    /// Names the registry as the origin of bytes.
    pub(crate) fn place(&self) -> String {
        format!("registry `{}`", self.origin.host)
    }
}
