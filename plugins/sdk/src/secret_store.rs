//! The contract of a plugin that keeps secrets.
//!
//! Implement [`Guest`] on a type of your own and export it with [`export_secret_store!`](crate::export_secret_store).

pub use crate::bindings::secret_store::exports::hangar::secret_store::store::Guest;
pub use crate::bindings::secret_store::hangar::secret_store::types::*;

use crate::config::Problem;

crate::config::diagnostics!();

/// Exports a type that implements [`Guest`] as this component's secret store.
#[macro_export]
macro_rules! export_secret_store {
    ($plugin:ident) => {
        $crate::__bindings::secret_store::export!($plugin with_types_in $crate::__bindings::secret_store);
    };
}
