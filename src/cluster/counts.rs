//! What each user did in the last minute, counted over all nodes by PostgreSQL: exact, whichever node somebody asks.

use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbBackend, DbErr, Statement};
use tokio::time::timeout;

use crate::id::UserId;
use crate::store::{Autocommit, Outcome};

/// The largest limit that is counted so: a row keeps a time for each of what it let through.
pub const MAX_SHARED: u32 = 1_000;

/// How long PostgreSQL may take to count: then what was asked for is refused as what is stored would be.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

const TAKE: &str = "
INSERT INTO chat_limits AS l (user_id, what, taken) VALUES ($1, $2, ARRAY[clock_timestamp()])
ON CONFLICT (user_id, what) DO UPDATE
SET taken = ARRAY(SELECT t FROM unnest(l.taken) t WHERE t > clock_timestamp() - interval '60 s') || clock_timestamp()
WHERE (SELECT count(*) FROM unnest(l.taken) t WHERE t > clock_timestamp() - interval '60 s') < $3
RETURNING user_id";
/// Seconds until one of the last ones is a minute old.
const WAIT: &str = "
SELECT CAST(ceil(extract(epoch FROM min(t) + interval '60 s' - clock_timestamp())) AS bigint) AS wait
FROM chat_limits l, unnest(l.taken) t
WHERE l.user_id = $1 AND l.what = $2 AND t > clock_timestamp() - interval '60 s'";
const GIVE_BACK: &str = "
UPDATE chat_limits SET taken = taken[1:cardinality(taken) - 1]
WHERE user_id = $1 AND what = $2 AND cardinality(taken) > 0";
const FORGET: &str = "
DELETE FROM chat_limits WHERE cardinality(taken) = 0 OR taken[cardinality(taken)] < clock_timestamp() - interval '60 s'";

/// Takes one of `most` in a minute; the seconds to wait where there is none.
///
/// # Errors
/// What the database says.
pub async fn take(db: &Autocommit, user: UserId, what: &str, most: u32) -> Result<Result<(), u64>, DbErr> {
    if !run(db, TAKE, [user.into(), what.into(), i64::from(most).into()]).await?.is_empty() {
        return Ok(Ok(()));
    }
    let rows = run(db, WAIT, [user.into(), what.into()]).await?;
    let wait = rows.first().map(|row| row.try_get::<Option<i64>>("", "wait")).transpose()?.flatten();
    Ok(Err(wait.and_then(|wait| u64::try_from(wait).ok()).unwrap_or(1).clamp(1, 60)))
}

/// Gives back the last one that was taken: it was not needed.
///
/// # Errors
/// What the database says.
pub async fn give_back(db: &Autocommit, user: UserId, what: &str) -> Result<(), DbErr> {
    run(db, GIVE_BACK, [user.into(), what.into()]).await.map(drop)
}

/// Forgets those who did nothing for a minute.
///
/// # Errors
/// What the database says.
pub async fn forget_idle(db: &Autocommit) -> Result<(), DbErr> {
    run(db, FORGET, []).await.map(drop)
}

async fn run<const N: usize>(
    db: &Autocommit,
    sql: &str,
    values: [sea_orm::Value; N],
) -> Result<Vec<sea_orm::QueryResult>, DbErr> {
    let counted = timeout(COUNT_TIMEOUT, db.write(Statement::from_sql_and_values(DbBackend::Postgres, sql, values)));
    match counted.await.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))? {
        Outcome::Committed(rows) => Ok(rows),
        Outcome::Refused(cause) => Err(cause),
    }
}
