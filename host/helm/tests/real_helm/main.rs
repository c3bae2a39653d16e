//! The driver and the chart with the real Helm. Those that need a cluster run against the real control plane.

mod chart;
mod chart_values;
mod example;
mod refusals;
mod tool;
