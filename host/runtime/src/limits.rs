//! What one call may use up, and where it is counted.

use std::fmt;

use hangar_plan::grant::Limits;
use wasmtime::ResourceLimiter;

use crate::engine::TICK;

/// A bound that a call passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it passed its limit of {limit}: {bound} {}", limit.unit())]
pub struct LimitReached {
    /// Which.
    pub limit: Limit,
    /// The bound, in the limit's unit.
    pub bound: u64,
}

/// Bounds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// All linear memory together.
    Memory,
    /// All tables together.
    TableElements,
    /// Core instances, memories or tables.
    Instances,
    /// Live handles.
    Handles,
    /// The stack.
    Stack,
    /// Data carried out of the guest at once.
    Payload,
    /// Time on a processor.
    Cpu,
    /// Time by the clock.
    Wall,
    /// Lines of log.
    LogLines,
    /// HTTP requests.
    HttpRequests,
    /// HTTP bodies together.
    HttpBytes,
}

impl Limit {
    const fn unit(self) -> &'static str {
        match self {
            Self::Memory => "MiB",
            Self::Stack | Self::Payload | Self::HttpBytes => "KiB",
            Self::Cpu | Self::Wall => "ms",
            Self::TableElements => "elements",
            Self::LogLines => "lines",
            Self::HttpRequests => "requests",
            Self::Instances | Self::Handles => "at once",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::TableElements => "table elements",
            Self::Instances => "instances",
            Self::Handles => "handles",
            Self::Stack => "stack",
            Self::Payload => "data handed to the host",
            Self::Cpu => "processor time",
            Self::Wall => "time",
            Self::LogLines => "log lines",
            Self::HttpRequests => "HTTP requests",
            Self::HttpBytes => "HTTP bodies",
        })
    }
}

/// Counts what one call uses up. Every method that takes something returns the bound if that passes it.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    memory: usize,
    table_elements: usize,
    ticks: u64,
    log_lines: u32,
    http_requests: u32,
    http_bytes: u64,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, memory: 0, table_elements: 0, ticks: 0, log_lines: 0, http_requests: 0, http_bytes: 0 }
    }

    /// One more interval on the processor.
    pub(crate) fn take_tick(&mut self) -> Result<(), LimitReached> {
        self.ticks += 1;
        let used_ms = self.ticks * u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX);
        within(Limit::Cpu, used_ms, u64::from(self.limits.cpu_ms))
    }

    pub(crate) fn take_log_line(&mut self) -> Result<(), LimitReached> {
        self.log_lines += 1;
        within(Limit::LogLines, u64::from(self.log_lines), u64::from(self.limits.log_lines))
    }

    pub(crate) fn take_http_request(&mut self) -> Result<(), LimitReached> {
        self.http_requests += 1;
        within(Limit::HttpRequests, u64::from(self.http_requests), u64::from(self.limits.http_requests))
    }

    pub(crate) fn take_http_bytes(&mut self, n: u64) -> Result<(), LimitReached> {
        self.http_bytes = self.http_bytes.saturating_add(n);
        let used_kib = self.http_bytes.div_ceil(1024);
        within(Limit::HttpBytes, used_kib, u64::from(self.limits.http_kib))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

fn within(limit: Limit, used: u64, bound: u64) -> Result<(), LimitReached> {
    if used > bound { Err(LimitReached { limit, bound }) } else { Ok(()) }
}

impl ResourceLimiter for Meter {
    // An error here ends the guest at once, so that a refusal has one form; `Ok(false)` would leave it to the guest.
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        let bound = self.limits.memory_mib as usize * 1024 * 1024;
        if wanted > bound {
            return Err(LimitReached { limit: Limit::Memory, bound: u64::from(self.limits.memory_mib) }.into());
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current));
        within(Limit::TableElements, wanted as u64, u64::from(self.limits.table_elements))?;
        self.table_elements = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.limits.instances as usize
    }

    fn memories(&self) -> usize {
        self.limits.instances as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut meter = Meter::new(Limits { memory_mib: 2, ..Limits::default() });
        let mib = 1024 * 1024;
        assert!(meter.memory_growing(0, mib, None).expect("the first MiB"));
        assert!(meter.memory_growing(0, mib, None).expect("the second MiB, of another memory"));
        let err = meter.memory_growing(mib, mib + 1, None).expect_err("one byte more");
        assert_eq!(err.downcast_ref(), Some(&LimitReached { limit: Limit::Memory, bound: 2 }));
    }

    #[test]
    fn a_limit_says_its_value_and_unit() {
        let reached = LimitReached { limit: Limit::Payload, bound: 8192 };
        assert_eq!(reached.to_string(), "it passed its limit of data handed to the host: 8192 KiB");
    }
}
