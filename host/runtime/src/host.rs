//! The imports of `hangar:host`, each held to the grant of the call.
//!
//! What a grant does not hold is answered as a value. Only `clock` and `random`, which have no way to say no, end the
//! call.

mod clock;
mod http;
mod log;
mod random;
mod sealed_file;
mod state;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::host::hangar::host as wit;
use crate::bindings::{infra_provider, pooling_strategy, secret_store};
use crate::call::Call;

/// The types of a contract are an interface of their own, without functions.
impl infra_provider::hangar::infra_provider::types::Host for Call {}
impl secret_store::hangar::secret_store::types::Host for Call {}
impl pooling_strategy::hangar::pooling_strategy::types::Host for Call {}

/// Offers everything that any world imports. Which of it a component may import was checked before.
pub(crate) fn link(linker: &mut Linker<Call>) -> wasmtime::Result<()> {
    wit::log::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    wit::http::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    wit::sealed_file::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    wit::state::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    wit::clock::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    wit::random::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    infra_provider::hangar::infra_provider::types::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    secret_store::hangar::secret_store::types::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)?;
    pooling_strategy::hangar::pooling_strategy::types::add_to_linker::<_, HasSelf<Call>>(linker, |call| call)
}
