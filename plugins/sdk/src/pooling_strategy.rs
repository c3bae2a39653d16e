//! The contract of a plugin that knows how one kind of database is pooled.
//!
//! Implement [`Guest`] on a type of your own and export it with [`export_pooling_strategy!`](crate::export_pooling_strategy).

pub use crate::bindings::pooling_strategy::exports::hangar::pooling_strategy::strategy::Guest;
pub use crate::bindings::pooling_strategy::hangar::pooling_strategy::types::*;

use crate::config::Problem;

crate::config::diagnostics!();

/// Exports a type that implements [`Guest`] as this component's pooling strategy.
#[macro_export]
macro_rules! export_pooling_strategy {
    ($plugin:ident) => {
        $crate::__bindings::pooling_strategy::export!($plugin with_types_in $crate::__bindings::pooling_strategy);
    };
}
