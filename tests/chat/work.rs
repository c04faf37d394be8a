//! What a request costs follows what it returns, and not what is stored: every read and write of the doors in a small
//! town and in one twenty times its size. Work is counted and not time; CONTRIBUTING.md says how to read the table.

mod meter;
mod reads;
mod searches;
mod town;
mod writes;

use meter::Meter;
use town::Town;

/// How many times larger the second town is.
const LARGER: usize = 20;
/// What the larger town may cost, of what the smaller one does in hundredths, and beyond that: an index is a level deeper
/// in it, and a few steps are many times nothing.
const MOST_PERCENT: u64 = 150;
const MOST_MORE: u64 = 40;

/// What follows the number of conversations that the viewer is in, and by how much at most for each of them: steps of SQLite,
/// and rows and buffers of PostgreSQL. The bounds stand in docs/limits.md.
const BOUNDED: &[(&str, u64, u64)] = &[
    // The hub has to know the conversations of whoever connects, and reads them once.
    ("STOMP connect and subscribe, of one who is in many", 10, 5),
    ("GraphQL resume at the end of the log, of one who is in many", 10, 5),
    // What many have written is looked for in each conversation, and is in none of them.
    ("GraphQL search everywhere, of others", 500, 12),
    // The first few of each conversation who are here are the candidates for the first few of all.
    ("REST who is online, of one who is in many", 40, 20),
    ("GraphQL people of one who is in many", 60, 30),
    // Of each conversation in which somebody listens it is asked whether it is theirs, and not too large to tell.
    ("set the presence of one who is in many, and is listened to", 40, 12),
];

/// How often everything may be counted until nothing seems to grow: what a server and its database do by the way on a busy
/// machine may fall into each turn of a request, though hardly twice into those of the same one.
const ROUNDS: usize = 3;

/// Counts every request in a town once, and again what can be done again.
async fn count(town: &Town, meter: &mut Meter<'_>) {
    let first = meter.counts().is_empty();
    reads::count(town, meter).await;
    if first {
        writes::count_markers(town, meter).await;
    }
    writes::count(town, meter).await;
}

/// Whether a request costs no more in the larger town than it may: what it does in the smaller one, or by its bound more.
fn is_kept(what: &str, small: u64, large: u64) -> bool {
    let is_postgres = std::env::var("CONFAB_TEST_DATABASE").is_ok();
    let bound = BOUNDED.iter().find(|(bounded, ..)| *bounded == what);
    let of_each = bound.map_or(0, |(_, steps, rows)| if is_postgres { *rows } else { *steps });
    let further = (town::CONVERSATIONS * (LARGER - 1)) as u64;
    large <= small * MOST_PERCENT / 100 + MOST_MORE + of_each * further
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_costs_does_not_grow_with_what_is_stored() {
    let (small, large) = (Town::of(1).await, Town::of(LARGER).await);
    let (mut in_small, mut in_large) = (Meter::of(&small.server).await, Meter::of(&large.server).await);
    for _ in 0..ROUNDS {
        count(&small, &mut in_small).await;
        count(&large, &mut in_large).await;
        let mut pairs = in_small.counts().iter().zip(in_large.counts());
        if pairs.all(|((what, small), (_, large))| is_kept(what, *small, *large)) {
            break;
        }
    }
    let (small, large) = (in_small.counts(), in_large.counts());
    let unit = if std::env::var("CONFAB_TEST_DATABASE").is_ok() { "rows and buffers" } else { "steps" };
    println!(
        "{:>9} {:>9} {:>6}  {unit} in a town, and in one {LARGER} times its size",
        "1 x",
        format!("{LARGER} x"),
        ""
    );
    let mut grown = Vec::new();
    for ((what, small), (_, large)) in small.iter().zip(large) {
        let is_kept = is_kept(what, *small, *large);
        let ratio = *large as f64 / (*small).max(1) as f64;
        println!("{small:>9} {large:>9} {ratio:>6.2}  {}{what}", if is_kept { "" } else { "GROWS: " });
        if !is_kept {
            grown.push(what.as_str());
        }
    }
    let counted = |bounded: &str| small.iter().any(|(what, _)| what == bounded);
    assert!(BOUNDED.iter().all(|(bounded, ..)| counted(bounded)), "a bound is that of a request");
    assert!(small.len() > 50 && small.len() == large.len(), "the table is whole");
    assert!(grown.is_empty(), "these grow with what is stored: {grown:#?}");
}
