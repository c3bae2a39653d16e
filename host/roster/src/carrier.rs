//! How records and invitations are named where they are exchanged.

use std::fmt;
use std::str::FromStr;

use crate::name::MemberId;

/// A file of a carrier (a folder, one e-mail, an archive).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CarrierFile {
    /// `<member>.record.json`: the latest record of a member.
    Record(MemberId),
    /// `<member>.invitation.json`: the invitation that was made for this joiner.
    Invitation(MemberId),
}

impl fmt::Display for CarrierFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(member) => write!(f, "{member}.record.json"),
            Self::Invitation(member) => write!(f, "{member}.invitation.json"),
        }
    }
}

/// The name is none of a carrier's; such a file is left alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a name of a record or an invitation")]
pub struct NotACarrierFile;

impl FromStr for CarrierFile {
    type Err = NotACarrierFile;

    fn from_str(name: &str) -> Result<Self, NotACarrierFile> {
        let (member, kind) = name.split_once('.').ok_or(NotACarrierFile)?;
        let member = member.parse().map_err(|_| NotACarrierFile)?;
        match kind {
            "record.json" => Ok(Self::Record(member)),
            "invitation.json" => Ok(Self::Invitation(member)),
            _ => Err(NotACarrierFile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_lead_to_their_member_and_nowhere_else() {
        for name in ["uss1.record.json", "uss1.invitation.json"] {
            assert_eq!(name.parse::<CarrierFile>().map(|file| file.to_string()).as_deref(), Ok(name));
        }
        for name in ["uss1.record.json.tmp", "../x.record.json", "README.md", "USS1.record.json"] {
            assert_eq!(name.parse::<CarrierFile>(), Err(NotACarrierFile), "{name}");
        }
    }
}
