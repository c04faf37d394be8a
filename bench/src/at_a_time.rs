//! Many things of one kind, a bounded number of them at the same time, their outcomes in the order of their numbers.

use std::future::Future;
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::Semaphore;

/// Does `0..count`, at most `limit` of them at the same time.
///
/// # Errors
/// That of the first by number which failed; the others go on.
pub async fn at_a_time<T, F>(count: usize, limit: usize, deed: impl Fn(usize) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(limit));
    let mut deeds = Vec::with_capacity(count);
    for number in 0..count {
        let turn = Arc::clone(&turns).acquire_owned().await?;
        let deed = deed(number);
        deeds.push(tokio::spawn(async move {
            let done = deed.await;
            drop(turn);
            done
        }));
    }
    let mut outcomes = Vec::with_capacity(count);
    for deed in deeds {
        outcomes.push(deed.await??);
    }
    Ok(outcomes)
}
