//! The floor: a bare loop that writes the same bytes, one `send` each, to as many sockets of the loopback, with nothing
//! else to do. It is a process of its own on the server's core, and tells what the processor was to its only thread.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::AsyncReadExt;

use super::Ground;
use super::voice::Pace;

/// Bytes read at once of a socket.
const READ: usize = 16 * 1024;

/// What the process is told. The bytes of a frame come on its standard input, whose end begins the loop.
#[derive(Args)]
pub struct BareLoop {
    /// Sockets that it waits for and writes to
    #[arg(long)]
    sockets: usize,
    /// Frames a second to each of them; 0 for as many as they take
    #[arg(long)]
    frames: f64,
    /// Frames that are due at the same time
    #[arg(long)]
    burst: u32,
    /// Whether frames that are due at the same time are written to a socket with one `send`
    #[arg(long)]
    joined: bool,
    #[arg(long)]
    seconds: f64,
}

/// What the loop came to.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    /// Frames a second, of all sockets together.
    pub rate: f64,
    /// Microseconds of the processor for a frame.
    pub micros: f64,
}

impl BareLoop {
    /// The process: tells its port, accepts, writes, and tells frames, nanoseconds of the processor and seconds.
    pub fn run(self) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        println!("{}", listener.local_addr()?.port());
        let mut sockets = Vec::with_capacity(self.sockets);
        for _ in 0..self.sockets {
            let (socket, _) = listener.accept()?;
            socket.set_nodelay(true)?;
            sockets.push(socket);
        }
        let mut frame = Vec::new();
        std::io::stdin().read_to_end(&mut frame)?;
        let (before, started) = (processor()?, Instant::now());
        let frames = self.write(&mut sockets, &frame, started)?;
        println!("{frames} {} {}", (processor()? - before).as_nanos(), started.elapsed().as_secs_f64());
        Ok(())
    }

    fn write(&self, sockets: &mut [TcpStream], frame: &[u8], started: Instant) -> Result<u64> {
        let (mut frames, mut tick) = (0, 0);
        let joined = frame.repeat(self.burst as usize);
        loop {
            let due = match self.frames > 0.0 {
                true => f64::from(tick) * f64::from(self.burst) / self.frames,
                false => started.elapsed().as_secs_f64(),
            };
            if due >= self.seconds {
                return Ok(frames);
            }
            sleep((started + Duration::from_secs_f64(due)).saturating_duration_since(Instant::now()));
            if self.joined {
                for socket in &mut *sockets {
                    socket.write_all(&joined)?;
                }
            } else {
                for _ in 0..self.burst {
                    for socket in &mut *sockets {
                        socket.write_all(frame)?;
                    }
                }
            }
            frames += u64::from(self.burst) * sockets.len() as u64;
            tick += 1;
        }
    }
}

fn processor() -> Result<Duration> {
    Ok(clock_gettime(ClockId::ThreadCPUTime).try_into()?)
}

/// Runs the loop in a process on the server's core: at a pace, or as fast as this process reads where that is 0.
pub async fn floor(ground: &Ground, sockets: usize, frame: &[u8], pace: Pace, joined: bool) -> Result<Floor> {
    ensure!(!frame.is_empty(), "no frame was heard that could be written again");
    let mut command = Command::new(std::env::current_exe()?);
    let Pace { messages: frames, burst } = pace;
    let seconds = ground.duration().as_secs_f64().min(5.0);
    command.arg("bare-loop").args(["--sockets", &sockets.to_string(), "--frames", &frames.to_string()]);
    command.args(["--burst", &burst.to_string(), "--seconds", &seconds.to_string()]);
    if joined {
        command.arg("--joined");
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    ground.cores.move_to_servers()?;
    let child = command.spawn();
    ground.cores.move_to_own()?;
    let mut child = child?;
    let mut said = BufReader::new(child.stdout.take().context("no output")?);
    let mut line = String::new();
    said.read_line(&mut line)?;
    let port: u16 = line.trim().parse().context("a port that is none")?;
    let mut readers = Vec::with_capacity(sockets);
    for _ in 0..sockets {
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        readers.push(tokio::spawn(read(socket)));
    }
    child.stdin.take().context("no input")?.write_all(frame)?;
    let mut bytes = 0;
    for reader in readers {
        bytes += reader.await??;
    }
    let mut told = String::new();
    said.read_line(&mut told)?;
    ensure!(child.wait()?.success(), "the bare loop failed");
    let figures = told.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [frames, nanos, seconds] = figures[..] else { anyhow::bail!("the bare loop told {told}") };
    ensure!(bytes as f64 == frames * frame.len() as f64, "the bare loop wrote {frames} frames, {bytes} bytes came");
    Ok(Floor { rate: frames / seconds, micros: nanos / 1_000.0 / frames })
}

/// Reads to the end, and counts.
async fn read(mut socket: tokio::net::TcpStream) -> Result<u64> {
    let (mut buffer, mut bytes) = (Vec::with_capacity(READ), 0);
    loop {
        let read = socket.read_buf(&mut buffer).await?;
        if read == 0 {
            return Ok(bytes);
        }
        bytes += read as u64;
        buffer.clear();
    }
}
