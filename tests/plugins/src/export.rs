//! The guest as a component.

use hangar_sdk::http::{Request, Response, SignatureScheme};
use hangar_sdk::infra_provider::{
    Diagnostic, Error, Finding, Guest, Infrastructure, Instance, Output, Progress, Severity, TokenRecipe,
    ToolDiagnostic, Workspace,
};
use hangar_sdk::{clock, config, log, state};

use crate::{Config, Misdeed};

struct Plugin;

impl Guest for Plugin {
    fn validate(_config: String, _instance: Instance) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn preflight(config: String, _instance: Instance, _token: Option<String>) -> Result<Progress, Error> {
        let config: Config = config::parse(&config)?;
        misbehave(&config)
    }

    fn render(config: String, _instance: Instance) -> Result<Workspace, Error> {
        let config: Config = config::parse(&config)?;
        match config.misdeed {
            Misdeed::ClockInPureCall => Err(Error::Other(clock::now_ms().to_string())),
            Misdeed::HttpInPureCall => answer(Request::get(&config.url).send()).map(|_| unreachable!()),
            _ => Err(Error::Other("not a misdeed of a pure call".into())),
        }
    }

    fn interpret(_config: String, _instance: Instance, _outputs: Vec<Output>) -> Result<Infrastructure, Error> {
        Err(Error::Other("nothing to interpret".into()))
    }

    fn cluster_token(_config: String, _infrastructure: Infrastructure) -> Result<TokenRecipe, Error> {
        Err(Error::Other("no token".into()))
    }

    fn explain(_diagnostic: ToolDiagnostic) -> Option<String> {
        None
    }
}

hangar_sdk::export_infra_provider!(Plugin);

fn misbehave(config: &Config) -> Result<Progress, Error> {
    let get = || Request::get(&config.url);
    match config.misdeed {
        Misdeed::Loop => loop {
            std::hint::spin_loop();
        },
        Misdeed::Hoard => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        Misdeed::Trap => panic!("as the configuration says"),
        Misdeed::Recurse => found(recurse(1).to_string()),
        Misdeed::FloodLog => loop {
            hangar_sdk::info!("again");
        },
        Misdeed::LongLine => {
            log::write(log::Level::Info, &"x".repeat(64 << 10), &[]);
            found("written".into())
        }
        Misdeed::HugeAnswer => found("x".repeat(64 << 20)),
        Misdeed::HugeRequest => answer(get().body(vec![1; 64 << 20]).send()),
        Misdeed::UngrantedHost | Misdeed::WaitInHostCall => answer(get().send()),
        Misdeed::OwnAuthorization => answer(get().header("Authorization", "Bearer mine").send()),
        Misdeed::ForeignSlot => answer(get().signed("foreign", SignatureScheme::Bearer).send()),
        Misdeed::TooManyRequests => loop {
            answer(get().send())?;
        },
        Misdeed::StateUngranted => keep("key", b"value").and_then(|()| found("kept".into())),
        Misdeed::StateHoard => {
            for n in 0_u32.. {
                keep(&format!("key-{n}"), &[1; 1024])?;
            }
            unreachable!()
        }
        Misdeed::ClockInPureCall | Misdeed::HttpInPureCall => Err(Error::Other("a misdeed of `render`".into())),
    }
}

/// Not turned into a loop: every frame keeps something that is needed after the call below it.
#[expect(unconditional_recursion, reason = "that is the misdeed")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + frame[(depth % 64) as usize]
}

fn keep(key: &str, value: &[u8]) -> Result<(), Error> {
    state::set(key, Some(value)).map_err(|err| Error::Other(format!("state: {err:?}")))
}

fn answer(result: Result<Response, hangar_sdk::http::Error>) -> Result<Progress, Error> {
    match result {
        Ok(response) => found(response.status.to_string()),
        Err(err) => Err(Error::Other(format!("http: {err:?}"))),
    }
}

fn found(message: String) -> Result<Progress, Error> {
    let finding = Finding { severity: Severity::Note, subject: "misdeed".into(), message, cure: None };
    Ok(Progress::Done(vec![finding]))
}
