//! How long a certificate still lives, and how much that matters.

const DAY_MS: u64 = 24 * 3_600_000;

/// How much the end of a validity matters: steps at 60, 30 and 7 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// 60 days or more are left.
    None,
    /// Less than 60 days.
    Notice,
    /// Less than 30 days.
    Warning,
    /// Less than 7 days.
    Urgent,
    /// None.
    Expired,
}

/// Whole days left; 0 on the last day and after it.
#[must_use]
pub fn days_left(not_after_ms: u64, now_ms: u64) -> u64 {
    not_after_ms.saturating_sub(now_ms) / DAY_MS
}

/// How much this end matters now.
#[must_use]
pub fn urgency(not_after_ms: u64, now_ms: u64) -> Urgency {
    if now_ms > not_after_ms {
        return Urgency::Expired;
    }
    match days_left(not_after_ms, now_ms) {
        0..7 => Urgency::Urgent,
        7..30 => Urgency::Warning,
        30..60 => Urgency::Notice,
        _ => Urgency::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgency_rises_at_60_30_and_7_days() {
        let at = |days: u64| urgency(100 * DAY_MS, (100 - days) * DAY_MS);
        assert_eq!(
            [60, 59, 30, 29, 7, 6, 0].map(at),
            [
                Urgency::None,
                Urgency::Notice,
                Urgency::Notice,
                Urgency::Warning,
                Urgency::Warning,
                Urgency::Urgent,
                Urgency::Urgent,
            ]
        );
        assert_eq!(urgency(5, 6), Urgency::Expired);
    }
}
