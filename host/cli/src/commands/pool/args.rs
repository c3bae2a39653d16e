//! What is typed of `pool …`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use hangar_operations::Adoption;

use crate::commands::session::Consent;
use crate::commands::up::consent;
use crate::duration;

/// Commands of a pool.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    Create(CreateArgs),
    /// Ask to join a pool
    ///
    /// Publishes our record: public data and nothing else. Prints our fingerprint; read it, or its words, to the member who
    /// invites us. With --adopt our nodes are of the pool's cluster already: `pool join` then proves so, and touches none of them.
    Request(RequestArgs),
    Invite(InviteArgs),
    Accept(AcceptArgs),
    Reject(RejectArgs),
    Join(JoinArgs),
    Leave(LeaveArgs),
    Evict(EvictArgs),
    /// Issue new leaves and let every node load them
    ///
    /// Under the authority that we have, so that nobody else has to do anything: it waits for no other member, and needs no carrier.
    /// The same as `cert renew`. Ctrl-C is safe: the same command goes on.
    RotateCerts(ChangeArgs),
    /// Go over to a new certificate authority, together with the other members
    ///
    /// Each of them accepts it; the old one leaves the bundles once every node shows a leaf of the new one. No node is refused
    /// meanwhile. Ctrl-C is safe.
    RotateCa(ChangeArgs),
    RotateKey(RotateKeyArgs),
    /// Check everything that can be checked from here
    ///
    /// The pool as `status` shows it, the history of all records, when certificates end, and the DSS of each member: health,
    /// identity of the pool, participants, options, versions, accepted authorities. What is amiss there is told by the class of
    /// failure that the DSS's own documentation sorts it in. Exits with 4 where something is wrong.
    Verify,
    /// Write every record that was ever held here into one file
    ///
    /// For another member to compare with its own (`pool history --file`) or to take in (`pool import`), by e-mail or a stick: each
    /// record is signed, and none is secret.
    Export(FileArgs),
    /// Take in records that came by another way than the carrier
    ///
    /// Only what its signatures and its chain bear out is taken in. Exits with 4 where anything else is found.
    Import(FileArgs),
    History(HistoryArgs),
    Carry(CarryArgs),
    Status(StatusArgs),
}

/// Draw the pool as we see it
///
/// Every own node is asked for the cluster's identity, liveness and ranges; every other member's node for whether it
/// takes a certificate of ours. Each finding names one next command and the member who runs it.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Look again and again until every node is live, every authority loaded, and no change under way
    ///
    /// Tells the counts whenever they change, and keeps the workspace free for other commands meanwhile.
    #[arg(long)]
    pub(super) wait: bool,
    /// With --wait: end with code 3 after this time, such as `90s`, `10m` or `2h`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse, requires = "wait")]
    pub(super) timeout: Duration,
}

/// Found a pool
///
/// The only command that ever initialises a database, once in the pool's life. Everybody else joins. With --adopt the database runs
/// already, in one organisation or in many: it gets a roster, which the others then ask to be in by `pool request --adopt`. No node is
/// touched; `hangar up --adopt` takes those of each organisation over, when it wants to.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Do it without asking
    #[arg(long)]
    pub(super) yes: bool,
    /// How long a member may leave it unanswered whether it lives, before the others may put it out, such as `3d` or `12h`
    ///
    /// Every joiner agrees to it, and it never changes. Without it: three days, longer than a weekend.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(super) silence: Option<Duration>,
    #[command(flatten)]
    pub(super) recovery: RecoveryArgs,
    #[command(flatten)]
    pub(super) adopt: AdoptArgs,
}

/// What an organisation asks with.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    pub(super) recovery: RecoveryArgs,
    #[command(flatten)]
    pub(super) adopt: AdoptArgs,
}

/// Nodes that other tools made.
#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// Our nodes run, in the pool's cluster, as the DSS's own scripts made them (say by which: `layout` of the pool's block)
    #[arg(long)]
    adopt: bool,
    /// File with the authorities that our nodes trust, instead of Secret `cockroachdb.ca.crt`
    #[arg(long, value_name = "FILE", requires = "adopt")]
    authority: Option<PathBuf>,
    /// File with the key of our authority, instead of Secret `cockroachdb.ca.key`
    #[arg(long, value_name = "FILE", requires = "adopt")]
    authority_key: Option<PathBuf>,
}

impl AdoptArgs {
    /// Where our authority is, if our nodes stand.
    pub(crate) fn adoption(&self) -> Option<Adoption<'_>> {
        let Self { adopt, authority, authority_key } = self;
        adopt.then_some(Adoption { authority: authority.as_deref(), key: authority_key.as_deref() })
    }
}

/// Where a recovery key goes.
#[derive(Debug, Args)]
pub(crate) struct RecoveryArgs {
    /// Make a recovery key, name it in our record, and write it to this file unless it holds one already; keep it offline: it
    /// replaces a lost or stolen key. No later command can add one
    #[arg(long, value_name = "FILE")]
    pub(super) recovery: Option<PathBuf>,
}

/// Invite a joiner, and stay until it is in
///
/// Votes for the joiner, deploys its authority once all have voted, and proves that its nodes accept us. The invitation is good for
/// 24 hours; where the joiner has not come by then, the same command invites it anew. Ctrl-C is safe: the same command, or
/// `hangar up`, goes on.
#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// Fingerprint of the joiner's key, compared by voice
    #[arg(long, value_name = "FINGERPRINT")]
    pub(super) to: String,
}

/// Accept a proposed change, and stay until it is closed
///
/// `hangar pool status` shows what is proposed, and who has yet to accept it. Of a join: trusts the joiner's authority on every node,
/// and proves that each node of either takes the other; of a leave: drops the authority once the nodes are out. A proposal is good for
/// a week. Ctrl-C is safe: the same command, or `hangar up`, goes on.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// Member whom the change is about
    pub(super) member: String,
    /// Vouch for this new key of the member, which has lost its own; compared by voice
    #[arg(long, value_name = "FINGERPRINT")]
    pub(super) key: Option<String>,
}

/// Say no to a proposed change
///
/// Its proposer then takes it back. Of a change of our own: takes it back. Of a join that is open, whose time is over and whose
/// joiner was not seen: gives it up, together with the others, and takes the joiner's authority out again.
#[derive(Debug, Args)]
pub(crate) struct RejectArgs {
    /// Member whom the change is about
    pub(super) member: String,
}

/// Leave the pool
///
/// Once all have accepted: stops the API, takes our nodes out of the cluster in one go (refused where what remains could not
/// hold every range), and publishes that we are gone. The others then drop our authority. `hangar down` takes the rest down. Ctrl-C is
/// safe: the same command goes on.
#[derive(Debug, Args)]
pub(crate) struct LeaveArgs {
    /// Agree that the pool will survive no loss of an organisation any more
    #[arg(long)]
    pub(super) lose_tolerance: bool,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// Put out a member that is dead
///
/// Looks whether its nodes are dead, asks it by a proposal that it would answer if it lived, waits for the pool's own period and
/// the votes of more than half, then takes its nodes out of the cluster and its authority out of the bundles. Ctrl-C is safe.
#[derive(Debug, Args)]
pub(crate) struct EvictArgs {
    /// The dead member
    pub(super) member: String,
    /// Decide alone, in a pool of two: if the other one is only out of reach, the pool has split
    #[arg(long)]
    pub(super) alone: bool,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// Consent to a change.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Do it without asking
    #[arg(long)]
    pub(super) yes: bool,
    /// Show the plan and change nothing, also where the change is under way
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

impl ChangeArgs {
    pub(crate) fn consent(&self) -> Consent {
        consent(self.yes, self.dry_run)
    }
}

/// Replace our organisation key
///
/// One record is signed by the former and the new key. Refused while a member has yet to see the change before: it would not know
/// the key. A key that is lost, or that somebody else has signed with, is replaced with the recovery key; without one the others
/// vouch for the new one. Neither waits for anybody.
#[derive(Debug, Args)]
pub(crate) struct RotateKeyArgs {
    /// Recovery key, as `pool create` or `pool request` wrote it
    #[arg(long, value_name = "FILE", conflicts_with = "vouched")]
    pub(super) recovery: Option<PathBuf>,
    /// Sign with the new key alone: most of the others run `hangar pool accept US --key FINGERPRINT`
    #[arg(long)]
    pub(super) vouched: bool,
}

/// A file of records.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// File of records, one a line
    pub(super) file: PathBuf,
}

/// Tell what every record changed
///
/// Signatures and the chain of each member are verified, with nothing but the records. Exits with 4 where they are not in order.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// A file that `pool export` wrote, instead of what is kept here
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

/// Serve a folder of records over HTTPS, as a carrier for members who share no other place
///
/// Needs no workspace. Every file is signed by its owner, so whoever may write can at worst delay. The members' workspaces say
/// `carrier = "https://HOST:PORT/"`, with the token in `credential "roster" { bearer { … } }`. Runs until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct CarryArgs {
    /// Folder of the records; made with the first
    pub(super) folder: PathBuf,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: SocketAddr,
    /// Certificate chain, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) certificate: PathBuf,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    /// File with what a writer must show; without it whoever reaches the server may write
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
}

/// Join an existing pool
///
/// Waits until every member has deployed our authority and accepts us, then starts our nodes. Never initialises a database. Ctrl-C is
/// safe: the same command goes on.
#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    /// Fingerprint of the inviting member's key, compared by voice
    #[arg(long, value_name = "FINGERPRINT")]
    pub(super) from: String,
}
