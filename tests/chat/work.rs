//! What a request costs follows what it returns, and not what is stored: every read and write of the doors in a small
//! town and in one twenty times its size. Work is counted and not time; CONTRIBUTING.md says how to read the table.

mod meter;
mod reads;
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

/// What is not flat yet. A row that has become flat has to go.
const NOT_YET: &[&str] = &[
    "REST who is online, 5 of a large group",
    "REST who is online, of a few",
    "GraphQL search everywhere, of others",
    "GraphQL online users, of a few",
    "STOMP connect and subscribe, of one who is in many",
    "GraphQL resume at the end of the log, of one who is in many",
    "set the presence of one who is in many",
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

fn is_flat(small: u64, large: u64) -> bool {
    large <= small * MOST_PERCENT / 100 + MOST_MORE
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_costs_does_not_grow_with_what_is_stored() {
    let (small, large) = (Town::of(1).await, Town::of(LARGER).await);
    let (mut in_small, mut in_large) = (Meter::of(&small.server).await, Meter::of(&large.server).await);
    for _ in 0..ROUNDS {
        count(&small, &mut in_small).await;
        count(&large, &mut in_large).await;
        let pairs = in_small.counts().iter().zip(in_large.counts());
        let mut grown = pairs.filter(|((_, small), (_, large))| !is_flat(*small, *large));
        if grown.all(|((what, _), _)| NOT_YET.contains(&what.as_str())) {
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
    let (mut grown, mut better) = (Vec::new(), Vec::new());
    for ((what, small), (_, large)) in small.iter().zip(large) {
        let flat = is_flat(*small, *large);
        let ratio = *large as f64 / (*small).max(1) as f64;
        println!("{small:>9} {large:>9} {ratio:>6.2}  {}{what}", if flat { "" } else { "GROWS: " });
        match (flat, NOT_YET.contains(&what.as_str())) {
            (false, false) => grown.push(what.as_str()),
            (true, true) => better.push(what.as_str()),
            _ => {}
        }
    }
    assert!(small.len() > 50 && small.len() == large.len(), "the table is whole");
    assert!(grown.is_empty(), "these grow with what is stored: {grown:#?}");
    if !better.is_empty() {
        println!("flat, and still in NOT_YET: {better:#?}");
    }
}
