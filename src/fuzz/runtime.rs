//! The runtime that a target waits with: one thread and no other, so that the same bytes take the same way.

use std::mem::ManuallyDrop;

use tokio::runtime::{Builder, Runtime};

thread_local! {
    /// Not dropped, since at the end of a thread what it uses itself may be gone.
    static RUNTIME: ManuallyDrop<Runtime> = ManuallyDrop::new(
        Builder::new_current_thread().enable_all().build().expect("a runtime needs nothing but memory and a few handles"),
    );
}

/// What a future comes to.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}
