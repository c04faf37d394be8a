//! What single parts of the way of a message cost: `cargo bench --features benchmarks --bench parts`. What a server
//! makes of them is measured from outside, by `confab-bench`.

use std::cell::RefCell;

use confab::benchmarks::{Room, cleaned, decode, message, message_parts};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Bytes of a content.
const SIZES: [usize; 2] = [128, 4_096];

/// A SEND as clients write it, and eight of them in one message of the carrier.
#[divan::bench(args = [1, 8])]
fn stomp_decode(bencher: Bencher, frames: usize) {
    let body = format!(r#"{{"conversationId":12,"content":"{}"}}"#, plain(128));
    let one = format!("SEND\ndestination:/app/chat.send\ncontent-length:{}\n\n{body}\0", body.len());
    let all = one.repeat(frames);
    bencher.bench_local(|| assert_eq!(decode(black_box(all.as_bytes())), frames));
}

#[divan::bench(args = SIZES)]
fn stomp_encode(bencher: Bencher, bytes: usize) {
    let parts = message_parts(plain(bytes).as_bytes());
    bencher.bench_local(|| message(black_box(&parts)));
}

#[divan::bench(args = SIZES)]
fn content_without_markup(bencher: Bencher, bytes: usize) {
    let content = plain(bytes);
    bencher.bench_local(|| cleaned(black_box(&content)));
}

#[divan::bench(args = SIZES)]
fn content_with_markup(bencher: Bencher, bytes: usize) {
    let piece = "<b>Lunch</b> at <a href=\"https://example.org/\" onclick=\"x()\">noon</a>? ";
    let content = piece.repeat(bytes / piece.len());
    bencher.bench_local(|| cleaned(black_box(&content)));
}

/// One event into the feeds of so many connections.
#[divan::bench(args = [10, 1_000], sample_size = 1, sample_count = 500)]
fn hub_deliver(bencher: Bencher, listeners: usize) {
    let room = RefCell::new(Room::with_listeners(listeners));
    let next = || {
        let mut room = room.borrow_mut();
        room.take();
        room.next()
    };
    bencher.with_inputs(next).bench_local_refs(|happened| room.borrow().deliver(happened));
}

/// What one event has put into the feeds of so many connections is taken.
#[divan::bench(args = [10, 1_000], sample_size = 1, sample_count = 500)]
fn feeds_take(bencher: Bencher, listeners: usize) {
    let room = RefCell::new(Room::with_listeners(listeners));
    let deliver = || {
        let mut room = room.borrow_mut();
        let happened = room.next();
        room.deliver(&happened);
    };
    bencher.with_inputs(deliver).bench_local_values(|()| assert_eq!(room.borrow_mut().take(), listeners));
}

/// What everybody is told of a message, written once.
#[divan::bench]
fn event_render(bencher: Bencher) {
    let happened = Room::with_listeners(1).next();
    bencher.bench_local(|| black_box(&happened).body());
}

fn plain(bytes: usize) -> String {
    "Lunch at noon? The new place has a table. ".chars().cycle().take(bytes).collect()
}
