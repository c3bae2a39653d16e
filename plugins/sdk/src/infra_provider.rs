//! The contract of a plugin that lays down the infrastructure of one instance.
//!
//! Implement [`Guest`] on a type of your own and export it with [`export_infra_provider!`](crate::export_infra_provider).

pub use crate::bindings::infra_provider::exports::hangar::infra_provider::provider::Guest;
pub use crate::bindings::infra_provider::hangar::infra_provider::types::*;

use crate::config::Problem;

crate::config::diagnostics!();

/// Exports a type that implements [`Guest`] as this component's infra provider.
#[macro_export]
macro_rules! export_infra_provider {
    ($plugin:ident) => {
        $crate::__bindings::infra_provider::export!($plugin with_types_in $crate::__bindings::infra_provider);
    };
}
