//! Frames over a connection. What is read is decoded at once, and what is written is encoded into one buffer: a connection that
//! waits keeps nothing but a frame that is unfinished. Every await can be cancelled and begun anew.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf, Write};
use tokio::time::timeout;

use super::buffers;
use super::decoder::{Decoder, Event, Violation};

/// A client that has not taken so many bytes of what it was answered is not read from.
const MAX_WAITING_BYTES: usize = 16 * 1024;

/// Frames of a client, and to it.
pub(super) struct FrameStream<Io> {
    io: Io,
    decoder: Decoder,
    /// What was read together with the last frame, from this place on.
    unread: Vec<u8>,
    unread_from: usize,
    /// What is to be written, from this place on.
    output: Vec<u8>,
    output_from: usize,
}

/// Why nothing more is read.
#[derive(Debug)]
pub(super) enum ReadError {
    Violation(Violation),
    Io(io::Error),
}

impl<Io: Read + Write + Unpin> FrameStream<Io> {
    /// Frames over a connection, of messages of at most `message_limit` bytes.
    pub(super) fn new(io: Io, message_limit: usize) -> Self {
        Self {
            io,
            decoder: Decoder::new(message_limit),
            unread: Vec::new(),
            unread_from: 0,
            output: Vec::new(),
            output_from: 0,
        }
    }

    /// The next message or control frame; `None` at the end of the connection. Waiting, it writes what is queued.
    pub(super) async fn next(&mut self) -> Option<Result<Event, ReadError>> {
        poll_fn(|task| self.poll_next(task)).await
    }

    fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Result<Event, ReadError>>> {
        loop {
            match self.next_unread() {
                Err(violation) => return Poll::Ready(Some(Err(ReadError::Violation(violation)))),
                Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                Ok(None) => {}
            }
            if self.waiting() > 0 {
                match self.poll_flush(task) {
                    Poll::Ready(Err(cause)) => return Poll::Ready(Some(Err(ReadError::Io(cause)))),
                    Poll::Pending if self.waiting() > MAX_WAITING_BYTES => return Poll::Pending,
                    _ => {}
                }
            }
            let read = buffers::read_with(|buffer| {
                let read = ready!(self.poll_read(task, buffer))?;
                Poll::Ready(Ok((read.len(), self.decode(read))))
            });
            match ready!(read) {
                Err(cause) => return Poll::Ready(Some(Err(ReadError::Io(cause)))),
                Ok((0, _)) => return Poll::Ready(None),
                Ok((_, Ok(None))) => {}
                Ok((_, Ok(Some(event)))) => return Poll::Ready(Some(Ok(event))),
                Ok((_, Err(violation))) => return Poll::Ready(Some(Err(ReadError::Violation(violation)))),
            }
        }
    }

    fn poll_read<'b>(&mut self, task: &mut Context<'_>, buffer: &'b mut [u8]) -> Poll<io::Result<&'b mut [u8]>> {
        let mut into = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.io).poll_read(task, into.unfilled()))?;
        let count = into.filled().len();
        Poll::Ready(Ok(&mut buffer[..count]))
    }

    /// Reads what has just come, and keeps what comes after the first event.
    fn decode(&mut self, read: &mut [u8]) -> Result<Option<Event>, Violation> {
        let (taken, event) = self.decoder.read(read)?;
        if taken < read.len() {
            (self.unread, self.unread_from) = (read[taken..].to_vec(), 0);
        }
        Ok(event)
    }

    fn next_unread(&mut self) -> Result<Option<Event>, Violation> {
        if self.unread.is_empty() {
            return Ok(None);
        }
        let read = self.decoder.read(&mut self.unread[self.unread_from..]);
        self.unread_from += read.as_ref().map_or(0, |(taken, _)| *taken);
        if read.is_err() || self.unread_from == self.unread.len() {
            (self.unread, self.unread_from) = (Vec::new(), 0);
        }
        Ok(read?.1)
    }

    /// Queues what a function appends, to be written by the next flush or while a frame is waited for.
    pub(super) fn queue(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        if self.output.capacity() == 0 {
            self.output = buffers::take();
        }
        append(&mut self.output);
        if self.output.is_empty() {
            buffers::give_back(std::mem::take(&mut self.output));
        }
    }

    /// Bytes that are queued and not written.
    pub(super) fn waiting(&self) -> usize {
        self.output.len() - self.output_from
    }

    /// Writes what is queued. Each byte that is accepted is progress: with a limit, only a client that accepts nothing for
    /// that long is given up.
    pub(super) async fn flush(&mut self, limit: Option<Duration>) -> io::Result<()> {
        // Nearly always the system takes all of it. Only who waits for it needs the room and the clock for that.
        match poll_fn(|task| Poll::Ready(self.poll_flush(task))).await {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Box::pin(self.flush_slowly(limit)).await,
        }
    }

    async fn flush_slowly(&mut self, limit: Option<Duration>) -> io::Result<()> {
        while self.waiting() > 0 {
            within(limit, poll_fn(|task| self.poll_write(task))).await?;
        }
        within(limit, poll_fn(|task| self.poll_flush(task))).await
    }

    /// As [`FrameStream::flush`], for whoever does not wait.
    pub(super) fn poll_flush(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting() > 0 {
            ready!(self.poll_write(task))?;
        }
        Pin::new(&mut self.io).poll_flush(task)
    }

    fn poll_write(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.io).poll_write(task, &self.output[self.output_from..]);
        if written.is_pending() {
            self.keep_what_waits();
        }
        let count = ready!(written)?;
        if count == 0 {
            return Poll::Ready(Err(ErrorKind::WriteZero.into()));
        }
        self.output_from += count;
        if self.waiting() == 0 {
            buffers::give_back(std::mem::take(&mut self.output));
            self.output_from = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// Gives back a buffer that has become far too large for what waits.
    fn keep_what_waits(&mut self) {
        if self.output.capacity() > 2 * self.waiting() {
            let rest = self.output[self.output_from..].to_vec();
            buffers::give_back(std::mem::replace(&mut self.output, rest));
            self.output_from = 0;
        }
    }

    /// Reads to the end of the connection whatever comes, and forgets it.
    pub(super) async fn discard(&mut self) -> io::Result<()> {
        poll_fn(|task| {
            loop {
                let read =
                    buffers::read_with(|buffer| self.poll_read(task, buffer).map(|read| read.map(|read| read.len())));
                if ready!(read)? == 0 {
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }
}

async fn within(limit: Option<Duration>, step: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    match limit {
        Some(limit) => timeout(limit, step).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())),
        None => step.await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::super::encoder;
    use super::*;

    type Frames = FrameStream<TokioIo<DuplexStream>>;

    /// Frames, and the client's end of a connection that holds so many bytes.
    fn connection(bytes: usize) -> (Frames, DuplexStream) {
        let (ours, theirs) = duplex(bytes);
        (FrameStream::new(TokioIo::new(ours), 1024), theirs)
    }

    fn kept(frames: &Frames) -> usize {
        frames.unread.capacity() + frames.output.capacity()
    }

    #[tokio::test]
    async fn what_comes_at_once_is_read_one_by_one_and_nothing_is_kept_of_it() {
        let (mut frames, mut client) = connection(4096);
        let one = [0x82, 0x81, 0, 0, 0, 0, 7];
        client.write_all(&[&one[..], &one, &one[..5]].concat()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(frames.next().await.unwrap().unwrap(), Event::Binary(vec![7]));
        }
        assert!(frames.next().now_or_never().is_none());
        assert_eq!(kept(&frames), 0);
        client.write_all(&one[5..]).await.unwrap();
        assert_eq!(frames.next().await.unwrap().unwrap(), Event::Binary(vec![7]));
        drop(client);
        assert!(frames.next().await.is_none());
    }

    #[tokio::test]
    async fn a_write_that_was_cut_off_is_ended_by_the_next_one() {
        let (mut frames, mut client) = connection(5);
        frames.queue(|out| encoder::text(b"first message", out));
        assert!(frames.flush(None).now_or_never().is_none());
        frames.queue(|out| encoder::text(b"second", out));
        let mut read = Vec::new();
        let expected = b"\x81\x0dfirst message\x81\x06second";
        while read.len() < expected.len() {
            let _cut_off = frames.flush(None).now_or_never();
            read.push(client.read_u8().await.unwrap());
        }
        assert_eq!(read, expected);
        frames.flush(None).await.unwrap();
        assert_eq!(kept(&frames), 0);
    }

    #[tokio::test]
    async fn who_waits_for_a_frame_writes_what_is_queued_and_reads_nothing_of_a_client_that_takes_nothing() {
        let (mut frames, mut client) = connection(64);
        frames.queue(|out| encoder::pong(b"a", out));
        assert!(frames.next().now_or_never().is_none());
        let mut pong = [0; 3];
        client.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\x8a\x01a");
        frames.queue(|out| encoder::binary(&[0; 2 * MAX_WAITING_BYTES], out));
        client.write_all(&[0x81, 0x80, 0, 0, 0, 0]).await.unwrap();
        assert!(frames.next().now_or_never().is_none());
        let mut taken = vec![0; MAX_WAITING_BYTES + 4];
        let (_, read) = tokio::join!(client.read_exact(&mut taken), frames.next());
        assert_eq!(read.unwrap().unwrap(), Event::Text(String::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_client_that_takes_nothing_for_the_whole_limit_is_given_up() {
        let limit = Duration::from_secs(60);
        let (mut frames, mut client) = connection(1);
        frames.queue(|out| encoder::text(b"slow", out));
        let slow = async {
            for _ in 0..6 {
                tokio::time::advance(limit - Duration::from_secs(1)).await;
                client.read_u8().await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(frames.flush(Some(limit)), slow);
        written.unwrap();
        frames.queue(|out| encoder::text(b"never", out));
        assert_eq!(frames.flush(Some(limit)).await.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
