//! The ways in which a DSS of a pool fails, as its operators tell them apart.

use std::fmt;

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision::Finding;

/// One of the twelve classes in which the DSS's own documentation sorts failures; the number is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    HttpDown = 1,
    DatabaseDown,
    WrongPool,
    WrongBaseUrl,
    NoTableAccess,
    PoolTableOnly,
    ForeignInstance,
    OtherPartsDown,
    DatabaseLies,
    ApiNotRouted,
    NoQuorum,
    Overload,
}

impl Class {
    /// A finding of this class: what was seen, and what its member runs next.
    pub(super) fn finding(self, severity: Severity, member: &str, what: impl fmt::Display) -> Finding {
        Finding {
            severity,
            subject: format!("dss:{member}"),
            message: format!("{self} (class {}): {what}", self as u8),
            cure: Some(format!("`{}`", self.command())),
            whose: Some(member.to_owned()),
        }
    }

    /// What shows or mends it.
    fn command(self) -> &'static str {
        match self {
            // Tells of which database its nodes are.
            Self::WrongPool => "hangar pool status",
            Self::DatabaseLies | Self::Overload => "hangar pool status --wait",
            Self::HttpDown
            | Self::DatabaseDown
            | Self::WrongBaseUrl
            | Self::ForeignInstance
            | Self::NoTableAccess
            | Self::PoolTableOnly
            | Self::OtherPartsDown
            | Self::ApiNotRouted
            | Self::NoQuorum => "hangar up",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HttpDown => "HTTP is down",
            Self::DatabaseDown => "the database is down",
            Self::WrongPool => "wrong or stand-alone pool",
            Self::WrongBaseUrl => "wrong base URL",
            Self::NoTableAccess => "no access to tables",
            Self::PoolTableOnly => "access to the pool's table alone",
            Self::ForeignInstance => "uses another's instance",
            Self::OtherPartsDown => "other parts are down",
            Self::DatabaseLies => "the database contradicts itself",
            Self::ApiNotRouted => "the interface is off or not routed",
            Self::NoQuorum => "no quorum",
            Self::Overload => "overload",
        })
    }
}
