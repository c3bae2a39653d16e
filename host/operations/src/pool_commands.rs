//! `pool create | request | invite | accept | join`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hangar_engine::Engine;
use hangar_pki::Authority;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::{Envelope, Part, Plan};
use hangar_pool::{OwnRecord, Strategy as _};
use hangar_roster::next::{self, Beginning};
use hangar_roster::{
    Datastore, Invitation, KeyFingerprint, MemberId, Node, Presence, Record, Roster, SignedInvitation, State, Tier,
};
use hangar_runtime::Runtime;
use serde::Serialize;

use crate::carriers::carrier;
use crate::clock::now_ms;
use crate::database::Database;
use crate::failure::{Cause, Failure};
use crate::goal::Goal;
use crate::organisation;
use crate::pool_adopt::{self, Adoption};
use crate::pool_records::make_recovery_key;
use crate::pooling::{Connected, Membership, no_pool, record, strategy};
use crate::session::{Outcome, Session};
use crate::vault::Vault;

/// How long an invitation is good for.
const INVITATION_MS: u64 = 24 * 3_600_000;

/// Who we are to the others: compared by voice.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// Member.
    pub member: String,
    /// Pool.
    pub pool: String,
    /// Full fingerprint of the organisation key.
    pub fingerprint: String,
    /// Its first half as twelve words.
    pub words: Vec<String>,
}

impl Identity {
    pub(crate) fn of(own: &OwnRecord) -> Self {
        let roster = own.roster();
        let fingerprint = roster.own_record().record().key.fingerprint();
        Self {
            member: roster.own().to_string(),
            pool: roster.pool().to_string(),
            fingerprint: fingerprint.to_string(),
            words: fingerprint.words().as_slice().iter().map(|word| (*word).to_owned()).collect(),
        }
    }
}

impl Session {
    /// Founds the pool. The only command that ever leads to an initialised database. `silence` is how long a member of the
    /// pool may leave the question unanswered whether it lives; it never changes. With `adoption` the database runs already: it
    /// gets a roster, and neither an `init` nor another pod.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_create(
        &self,
        recovery: Option<&Path>,
        silence: Option<Duration>,
        adoption: Option<&Adoption<'_>>,
    ) -> Result<(Outcome, Identity), Failure> {
        let (engine, runtime, vault) = self.begin("pool create").await?;
        let membership = match self.membership(&vault).await? {
            Some(membership) => {
                if membership.own.roster().own_record().record().genesis.is_none() {
                    return Err(Failure::person("this instance has asked to join a pool, so it cannot found one")
                        .hint_is("`hangar pool join` goes on"));
                }
                membership
            }
            None => {
                let made = self.adopted(&engine, &runtime, adoption).await?;
                let (key, mut beginning) = self.beginning(&engine, &vault, &runtime, made.as_ref()).await?;
                beginning.recovery_key = recovery.map(make_recovery_key).transpose()?;
                let by = if made.is_some() { "hangar pool create --adopt" } else { "hangar pool create" };
                let mut record = next::genesis(beginning, by.into(), now_ms());
                if let (Some(genesis), Some(silence)) = (&mut record.genesis, silence) {
                    genesis.silence_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
                }
                if !self.approve_goal(&engine, &vault, &runtime, &key, &record, Goal::Create).await? {
                    return Err(declined());
                }
                if let Some(made) = &made {
                    pool_adopt::keep(&engine, &vault, made).await?;
                }
                self.begin_record(key, record)?
            }
        };
        let identity = Identity::of(&membership.own);
        self.drive(&engine, &vault, &runtime, membership, Goal::Create).await?;
        Ok((Outcome::Done, identity))
    }

    /// Asks to join: publishes our first record, which is public data and nothing else. With `adoption` our nodes are of the
    /// pool's cluster already, and none of them is touched.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn pool_request(
        &self,
        recovery: Option<&Path>,
        adoption: Option<&Adoption<'_>>,
    ) -> Result<Identity, Failure> {
        let (engine, runtime, vault) = self.begin("pool request").await?;
        let membership = match self.membership(&vault).await? {
            Some(membership) if membership.is_active() => {
                return Err(Failure::refused("this instance is in the pool already").hint_is("`hangar pool status`"));
            }
            Some(membership) => {
                let stands = pool_adopt::stands(engine.journal()).await?;
                if adoption.is_some() && !stands {
                    return Err(Failure::person("this instance has asked to join with nodes that are to be made")
                        .hint_is("`hangar down` takes back what it has, if nothing runs there yet"));
                }
                let made = if stands { organisation::read_authority(&vault).await? } else { None };
                let (_, beginning) = self.beginning(&engine, &vault, &runtime, made.as_ref()).await?;
                membership.own.refresh().map_err(record)?;
                ask_anew(&membership.own)?;
                membership.own.step(|roster| next::presence(roster, beginning.presence, now_ms())).map_err(record)?;
                membership
            }
            None => {
                let made = self.adopted(&engine, &runtime, adoption).await?;
                let (key, mut beginning) = self.beginning(&engine, &vault, &runtime, made.as_ref()).await?;
                beginning.recovery_key = recovery.map(make_recovery_key).transpose()?;
                if let Some(made) = &made {
                    pool_adopt::keep(&engine, &vault, made).await?;
                }
                self.begin_record(key, next::request(beginning, now_ms()))?
            }
        };
        Ok(Identity::of(&membership.own))
    }

    /// Invites the joiner with this key, votes for it, and stays until the change is closed. Inviting a member changes
    /// nothing, so that the command can be given again.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_invite(&self, to: &str) -> Result<(), Failure> {
        let audience = fingerprint(to)?;
        let (engine, runtime, vault) = self.begin("pool invite").await?;
        let membership = self.active_member(&vault).await?;
        let own = &membership.own;
        own.change(|roster| roster.expect_joiner(audience)).map_err(record)?;
        let found = own.refresh().map_err(record)?;
        // A vote that was taken back is over once the others have seen that.
        own.duties(now_ms()).map_err(record)?;
        let joiner = own
            .roster()
            .records()
            .find(|signed| signed.record().key.fingerprint() == audience)
            .map(|signed| signed.record().member.clone());
        let Some(joiner) = joiner else {
            let about: Vec<String> = found.iter().map(|finding| finding.problem.to_string()).collect();
            let seen = if about.is_empty() { String::new() } else { format!(" ({})", about.join("; ")) };
            return Err(Failure::refused(format!("the carrier shows no request signed with the key {audience}{seen}"))
                .hint_is("the joiner runs `hangar pool request`, and both compare the fingerprint by voice"));
        };
        let is_voted =
            own.roster().own_record().record().vote.as_ref().is_some_and(|vote| vote.change.subject == joiner);
        if !is_voted && !is_active(&own.roster(), &joiner) {
            self.invite(own, &joiner)?;
        }
        own.show_invitation(&joiner).map_err(record)?;
        self.drive(&engine, &vault, &runtime, membership, Goal::Settle).await
    }

    /// Votes for the change about this member, and stays until it is closed. If it is a member and nothing is proposed
    /// about it, changes nothing, so that the command can be given again.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_accept(&self, subject: &str) -> Result<Outcome, Failure> {
        let subject: MemberId =
            subject.parse().map_err(|err| Failure::of(Cause::Refused, "cannot accept that", err))?;
        let (engine, runtime, vault) = self.begin("pool accept").await?;
        let membership = self.active_member(&vault).await?;
        let own = &membership.own;
        own.refresh().map_err(record)?;
        own.duties(now_ms()).map_err(record)?;
        let change =
            own.roster().changes().into_iter().find(|change| change.subject == subject).map(|change| change.id);
        let Some(id) = change else {
            if own.roster().evictions().iter().any(|change| change.subject == subject) {
                return Err(Failure::person(format!(
                    "it is proposed to put `{subject}` out, which needs what each has seen of it"
                ))
                .hint_is(format!("`hangar pool evict {subject}` looks, and votes")));
            }
            if is_active(&own.roster(), &subject) {
                self.drive(&engine, &vault, &runtime, membership, Goal::Settle).await?;
                return Ok(Outcome::Unchanged);
            }
            return Err(Failure::refused(format!("no member proposes anything about `{subject}`"))
                .hint_is("`hangar pool status` shows what is proposed"));
        };
        own.step(|roster| next::accept(roster, id, now_ms())).map_err(record)?;
        self.drive(&engine, &vault, &runtime, membership, Goal::Settle).await?;
        Ok(Outcome::Done)
    }

    /// Enters the pool by the invitation of the member with this key. Never initialises.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn pool_join(&self, inviter: &str) -> Result<(), Failure> {
        let inviter = fingerprint(inviter)?;
        let (engine, runtime, vault) = self.begin("pool join").await?;
        let membership = self.membership(&vault).await?.ok_or_else(|| {
            Failure::refused("this instance has not asked to join").hint_is("`hangar pool request` asks")
        })?;
        let own = &membership.own;
        let is_entered = own.roster().in_pool().next().is_some();
        if !is_entered {
            let bytes = own.invitation().map_err(record)?.ok_or_else(|| {
                Failure::new(Cause::Outside, "the carrier shows no invitation for us")
                    .hint_is("a member runs `hangar pool invite --to OUR-FINGERPRINT`")
            })?;
            let refused = |err: hangar_roster::InvitationError| {
                let cure = err.cure();
                Failure::of(Cause::Person, "the invitation is refused", err).hint_is(cure)
            };
            let invitation = SignedInvitation::parse(&bytes).map_err(refused)?;
            own.change(|roster| roster.enter(&invitation, inviter, now_ms())).map_err(record)?.map_err(refused)?;
            own.refresh().map_err(record)?;
        }
        self.drive(&engine, &vault, &runtime, membership, Goal::Join).await
    }

    pub(crate) async fn begin(&self, command: &str) -> Result<(Engine, Runtime, Arc<Vault>), Failure> {
        let engine = self.site.engine(command, Arc::clone(&self.progress))?;
        let runtime = self.site.runtime(self.program.clone())?;
        let vault = self.vault(&runtime).await?;
        Ok((engine, runtime, vault))
    }

    /// Our place in a pool, whether we are a member by now or only ask.
    pub(crate) async fn in_pool(&self, vault: &Arc<Vault>) -> Result<Membership, Failure> {
        self.membership(vault).await?.ok_or_else(in_none)
    }

    pub(crate) async fn active_member(&self, vault: &Arc<Vault>) -> Result<Membership, Failure> {
        self.membership(vault).await?.filter(Membership::is_active).ok_or_else(only_members)
    }

    fn invite(&self, own: &OwnRecord, joiner: &MemberId) -> Result<(), Failure> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|err| Failure::of(Cause::Outside, "this machine gives no randomness", err.to_string()))?;
        let now = now_ms();
        let invitation = Invitation::new(&own.roster(), joiner, nonce, now + INVITATION_MS);
        let signed =
            invitation.ok_or_else(|| Failure::refused("not every member's record is held yet"))?.sign(own.key());
        own.invite(joiner, &signed, now).map_err(record)
    }

    async fn adopted(
        &self,
        engine: &Engine,
        runtime: &Runtime,
        adoption: Option<&Adoption<'_>>,
    ) -> Result<Option<Authority>, Failure> {
        match adoption {
            Some(adoption) => self.made_by_others(engine, runtime, adoption).await.map(Some),
            None => Ok(None),
        }
    }

    /// What our first record says of us; `made` is the authority that other tools made, which our nodes have.
    async fn beginning(
        &self,
        engine: &Engine,
        vault: &Arc<Vault>,
        runtime: &Runtime,
        made: Option<&Authority>,
    ) -> Result<(hangar_roster::OrganisationKey, Beginning), Failure> {
        let database = self.site.database(runtime).await?.ok_or_else(no_pool)?;
        let stands = self.standing(engine.journal()).await?;
        let (settings, _) = self.site.workspace.pool.as_ref().ok_or_else(no_pool)?;
        let not_yet =
            || Failure::refused("this organisation has no key and authority yet").hint_is("`hangar up` makes them");
        let key = organisation::read_key(vault).await?.ok_or_else(not_yet)?;
        let kept = organisation::read_authority(vault).await?.ok_or_else(not_yet)?;
        let authority = made.unwrap_or(&kept);
        let name = |err: hangar_roster::BadName| Failure::of(Cause::Refused, "this name cannot stand in a record", err);
        let beginning = Beginning {
            pool: settings.name.as_str().parse().map_err(name)?,
            member: self.site.workspace.instance.name.as_str().parse().map_err(name)?,
            key: key.public(),
            recovery_key: None,
            presence: Presence {
                adopted: made.is_some(),
                ..self.presence(&stands, &authority.certificate().to_pem(), &database)?
            },
        };
        Ok((key, beginning))
    }

    pub(crate) fn presence(
        &self,
        stands: &Infrastructure,
        authority: &str,
        database: &Database,
    ) -> Result<Presence, Failure> {
        let instance = &self.site.workspace.instance;
        let (settings, _) = self.site.workspace.pool.as_ref().ok_or_else(no_pool)?;
        let bad = |what: &str, text: &str| {
            Failure::refused(format!("the infra provider says {what} `{text}`, which is none"))
        };
        let nodes = stands.nodes.iter().map(|node| {
            let parse = |text: &String| text.parse().map_err(|_| bad("an address is", text));
            Ok(Node {
                ordinal: node.ordinal,
                host: node.host.clone(),
                port: node.port,
                addresses: node.addresses.iter().map(parse).collect::<Result<_, Failure>>()?,
            })
        });
        let egress = stands.egress.iter().map(|range| range.parse().map_err(|_| bad("a range is", range)));
        let version =
            |image: &registry_reference::Reference| image.tag.as_ref().map_or_else(String::new, ToString::to_string);
        Ok(Presence {
            endpoint: format!("https://{}", instance.hostname),
            authorities: vec![authority.to_owned()],
            nodes: nodes.collect::<Result<_, Failure>>()?,
            egress: egress.collect::<Result<_, Failure>>()?,
            locality: vec![Tier { key: database.tier.clone(), value: settings.locality.to_string() }],
            datastore: Datastore { kind: settings.block.plugin.to_string(), version: version(&database.image) },
            dss_version: version(&instance.image),
            flags: BTreeMap::new(),
            adopted: false,
        })
    }

    fn begin_record(&self, key: hangar_roster::OrganisationKey, first: Record) -> Result<Membership, Failure> {
        let path = self.site.roster_path(first.pool.as_str());
        let own = OwnRecord::begin(&path, key, carrier(&self.site)?, first).map_err(record)?;
        Ok(Membership { own: Arc::new(own) })
    }

    /// Shows the envelope of a goal before the first record is written.
    async fn approve_goal(
        &self,
        engine: &Engine,
        vault: &Arc<Vault>,
        runtime: &Runtime,
        key: &hangar_roster::OrganisationKey,
        first: &Record,
        goal: Goal,
    ) -> Result<bool, Failure> {
        let Connected { pooling, .. } = self.connected(engine.journal(), vault, runtime).await?;
        let roster = hangar_roster::Roster::start(first.clone().sign(key));
        let describe = |pem: &str| {
            hangar_pki::Certificate::from_pem(pem).ok().map(|certificate| hangar_pki::authority(&certificate))
        };
        let mut intent = pooling.intent.clone();
        intent.goal = goal.of_strategy_for(first.presence.adopted, false);
        let phases = pooling.strategy.outline(&intent, &roster.view(describe)).await.map_err(strategy)?;
        let mut plan = Plan::new(intent.instance.name.clone());
        plan.parts.push(Part::Pool(Envelope { pool: pooling.pool_name(), goal: goal.name().into(), phases }));
        (self.approve)(&plan)
    }
}

pub(crate) fn in_none() -> Failure {
    Failure::refused("this instance is in no pool").hint_is("`hangar pool create` or `hangar pool request`")
}

pub(crate) fn only_members() -> Failure {
    Failure::refused("only a member of the pool can do that")
        .hint_is("`hangar pool create` or `hangar pool join` first")
}

fn is_active(roster: &Roster, member: &MemberId) -> bool {
    roster.record(member).is_some_and(|record| record.state == State::Active)
}

pub(crate) fn fingerprint(text: &str) -> Result<KeyFingerprint, Failure> {
    text.trim().parse().map_err(|err| {
        Failure::of(Cause::Refused, format!("`{text}` is no fingerprint"), err)
            .hint_is("`hangar pool request` and `hangar pool create` print it: 64 hexadecimal digits")
    })
}

/// Whoever has left, or was put out, asks again.
fn ask_anew(own: &OwnRecord) -> Result<(), Failure> {
    let (state, is_out) = {
        let roster = own.roster();
        (roster.own_record().record().state, roster.is_expelled(roster.own()))
    };
    if is_out && state != State::Gone {
        own.step(|roster| next::state(roster, State::Gone, now_ms())).map_err(record)?;
    }
    if is_out || state == State::Gone {
        own.step(|roster| next::state(roster, State::Asking, now_ms())).map_err(record)?;
    }
    Ok(())
}

fn declined() -> Failure {
    Failure::new(Cause::Interrupted, "declined: nothing was changed")
}
