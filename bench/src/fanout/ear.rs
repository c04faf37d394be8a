//! A connection that hears: it reads what comes as bytes, counts the notes in it, and notices what was lost, came twice or
//! came in another order. It knows frames of WebSockets and nothing of what they carry.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::note::Note;
use crate::stomp::{CLOSE, PING, PONG, TEXT, frame};

thread_local! {
    /// Bytes as they come; all connections of a thread take turns with it.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

/// What says that something was refused, at any door.
const REFUSALS: [&[u8]; 4] = [b"ERROR", b"/user/queue/chat/errors", b"\"type\":\"error\"", b"\"type\":\"complete\""];

/// An open connection that is read until this is dropped.
pub struct Ear {
    pub stream: Arc<TcpStream>,
    heard: Arc<Mutex<Heard>>,
    task: JoinHandle<()>,
}

/// What an ear has heard.
#[derive(Default)]
pub struct Heard {
    /// The number that each sender's next note has to have.
    next: Vec<u32>,
    pub lost: u64,
    /// Notes that were heard before, or after a later one.
    pub repeated: u64,
    /// Microseconds from the time at which each should have been sent, since this was taken last.
    pub micros: Vec<u32>,
    /// The last frame that had a note, as it came.
    pub frame: Vec<u8>,
    /// Why it hears no more, or what was refused.
    pub trouble: Option<String>,
}

/// What an ear is opened with.
#[derive(Clone)]
pub struct Hearing {
    /// When the bench began: notes tell their times since then.
    pub since: Instant,
    /// Notes that all ears together have heard.
    pub total: Arc<AtomicU64>,
    /// How much each sender has said by now.
    pub said: Vec<u32>,
}

impl Ear {
    /// Listens; `begun` is what was read of the connection already.
    pub fn listen(stream: TcpStream, begun: Vec<u8>, hearing: Hearing) -> Self {
        let stream = Arc::new(stream);
        let heard = Arc::new(Mutex::new(Heard { next: hearing.said, ..Heard::default() }));
        let reader = Reader {
            stream: Arc::clone(&stream),
            heard: Arc::clone(&heard),
            unfinished: begun,
            hint: 0,
            since: hearing.since,
            total: hearing.total,
        };
        Self { stream, heard, task: tokio::spawn(reader.run()) }
    }

    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has heard each of those senders to the end.
    pub fn has_heard(&self, said: &[u32], senders: &[usize]) -> bool {
        let heard = self.heard();
        heard.trouble.is_some() || senders.iter().all(|sender| heard.next[*sender] >= said[*sender])
    }

    /// Insists that it has heard all that those senders said, once and in order.
    pub fn check(&self, said: &[u32], senders: &[usize]) -> Result<()> {
        let heard = self.heard();
        if let Some(trouble) = &heard.trouble {
            bail!("a listener was told: {trouble}");
        }
        let missing: u32 = senders.iter().map(|sender| said[*sender].saturating_sub(heard.next[*sender])).sum();
        let (lost, repeated) = (heard.lost + u64::from(missing), heard.repeated);
        ensure!(lost == 0 && repeated == 0, "a listener lost {lost} messages, and heard {repeated} twice or too late");
        Ok(())
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reader {
    stream: Arc<TcpStream>,
    heard: Arc<Mutex<Heard>>,
    /// The beginning of a frame whose end has not come yet.
    unfinished: Vec<u8>,
    /// Where a note stood in the last frame.
    hint: usize,
    since: Instant,
    total: Arc<AtomicU64>,
}

impl Reader {
    async fn run(mut self) {
        let begun = std::mem::take(&mut self.unfinished);
        self.take(&begun);
        loop {
            let read = match self.stream.readable().await {
                Ok(()) => BUFFER.with_borrow_mut(|buffer| self.read(buffer)),
                Err(error) => Err(error.to_string()),
            };
            if let Err(trouble) = read {
                self.heard.lock().unwrap_or_else(PoisonError::into_inner).trouble.get_or_insert(trouble);
                return;
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), String> {
        match self.stream.try_read(buffer) {
            Ok(0) => Err("the connection ended".to_owned()),
            Ok(read) => {
                self.take(&buffer[..read]);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Looks at all whole frames.
    fn take(&mut self, bytes: &[u8]) {
        let now = self.since.elapsed().as_nanos() as u64;
        if self.unfinished.is_empty() {
            let used = self.frames(bytes, now);
            self.unfinished.extend_from_slice(&bytes[used..]);
        } else {
            let mut all = std::mem::take(&mut self.unfinished);
            all.extend_from_slice(bytes);
            let used = self.frames(&all, now);
            self.unfinished = all.split_off(used);
        }
    }

    fn frames(&mut self, bytes: &[u8], now: u64) -> usize {
        let heard = Arc::clone(&self.heard);
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used = 0;
        while let Some((head, length)) =
            measure(&bytes[used..]).filter(|(head, length)| bytes.len() - used >= head + length)
        {
            let whole = &bytes[used..used + head + length];
            let payload = &whole[head..];
            match whole[0] & 0x0f {
                TEXT => {
                    let notes = self.notes(payload, &mut heard, now);
                    if notes > 0 && heard.frame.is_empty() {
                        heard.frame = whole.to_vec();
                    }
                    self.total.fetch_add(notes, Ordering::Relaxed);
                }
                PING => drop(self.stream.try_write(&frame(PONG, payload))),
                CLOSE => heard.trouble = Some(format!("closed: {}", String::from_utf8_lossy(payload))),
                _ => {}
            }
            used += head + length;
        }
        used
    }

    /// Counts the notes of one message. One of SockJS may have several.
    fn notes(&mut self, payload: &[u8], heard: &mut Heard, now: u64) -> u64 {
        let (mut rest, mut notes) = (payload, 0);
        while let Some((note, place)) = Note::find(rest, self.hint) {
            if notes == 0 {
                self.hint = place;
            }
            heard.note(note, now);
            notes += 1;
            rest = &rest[place + 1..];
        }
        if notes == 0 && REFUSALS.iter().any(|refusal| payload.windows(refusal.len()).any(|part| part == *refusal)) {
            heard.trouble.get_or_insert_with(|| String::from_utf8_lossy(payload).into_owned());
        }
        notes
    }
}

impl Heard {
    fn note(&mut self, note: Note, now: u64) {
        let Some(next) = self.next.get_mut(note.sender as usize) else { return };
        if note.number < *next {
            self.repeated += 1;
        } else {
            self.lost += u64::from(note.number - *next);
            *next = note.number + 1;
        }
        self.micros.push(u32::try_from(now.saturating_sub(note.nanos) / 1_000).unwrap_or(u32::MAX));
    }
}

/// How long head and payload of the frame are that begins here; none where the head is not whole.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.get(1)? & 0x7f {
        126 => Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?)),
        short => Some((2, usize::from(short))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_twice_or_comes_late_is_noticed() {
        let mut heard = Heard { next: vec![0, 5], ..Heard::default() };
        let mut hear = |sender, number| heard.note(Note { sender, number, nanos: 0 }, 1_000);
        hear(0, 0);
        hear(1, 5);
        hear(0, 2);
        hear(0, 1);
        hear(1, 5);
        assert_eq!((heard.next, heard.lost, heard.repeated), (vec![3, 6], 1, 2));
        assert_eq!(heard.micros, [1; 5]);
    }

    #[test]
    fn frames_are_measured_in_each_of_their_three_forms() {
        assert_eq!(measure(&[0x81, 5, 0]), Some((2, 5)));
        assert_eq!(measure(&[0x81, 126, 1, 0]), Some((4, 256)));
        assert_eq!(measure(&[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Some((10, 65_536)));
        assert_eq!(measure(&[0x81, 126, 1]), None);
        assert_eq!(measure(&[0x81]), None);
    }
}
