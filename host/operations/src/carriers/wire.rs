//! Calls over the network for who cannot wait for them otherwise.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// Does the network's part of a carrier on a thread of its own. A carrier is asked from within a procedure's loop, which is a
/// task itself and may not enter another one; like a slow disk, the network holds that loop up and nothing else.
pub(super) struct Wire(Option<Runtime>);

impl Wire {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    pub(super) fn wait<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.0.as_ref().expect("it is there until it is dropped");
        std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join()).expect("no call panics")
    }
}

impl Drop for Wire {
    /// Dropping a runtime waits, which a task may not.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
