//! What the framing of SockJS costs: `cargo bench -p sockjs --features benchmarks`.

use divan::{Bencher, black_box};
use sockjs::benchmarks::{frame, read};

fn main() {
    divan::main();
}

/// A MESSAGE of STOMP with a body of so many bytes, around which a frame is written.
#[divan::bench(args = [128, 4_096])]
fn write(bencher: Bencher, bytes: usize) {
    let message = stomp(bytes);
    bencher.bench_local(|| frame(black_box(&message)));
}

/// An array with so many messages of a client, of 128 bytes each.
#[divan::bench(args = [1, 8])]
fn read_array(bencher: Bencher, messages: usize) {
    let array = format!("[{}]", vec![frame(&stomp(128))[2..].trim_end_matches(']'); messages].join(","));
    bencher.bench_local(|| assert_eq!(read(black_box(&array)), messages));
}

fn stomp(bytes: usize) -> String {
    let content: String = "Lunch at noon? ".chars().cycle().take(bytes).collect();
    format!("MESSAGE\ndestination:/user/queue/chat/messages\nsubscription:0\n\n{{\"content\":\"{content}\"}}\0")
}
