//! A server with rooms and the people in them, who listen and send. It knows who hears whom, and waits until everybody has
//! heard everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::Ground;
use super::doors::Door;
use super::ear::{Ear, Hearing};
use super::voice::{Pace, Voice, said, speak};
use crate::at_a_time::at_a_time;
use crate::cpu::{Used, Watched};
use crate::database::Home;
use crate::rooms;
use crate::server::Server;

/// Connections that are opened at the same time.
const AT_A_TIME: usize = 100;
/// How long is sent before anything is counted.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long what was sent may take until everybody has heard it.
const HEARD_TIMEOUT: Duration = Duration::from_secs(60);

/// A server on a core of its own, its rooms, and who is there.
pub struct Hall {
    home: Home,
    pub server: Server,
    since: Instant,
    pub total: Arc<AtomicU64>,
    pub rooms: Vec<i64>,
    pub voices: Vec<Voice>,
    /// The connections of voices, which nobody counts.
    mouths: Vec<Ear>,
    pub ears: Vec<Listener>,
}

/// An ear, and the voices of its room.
pub struct Listener {
    pub ear: Ear,
    senders: Vec<usize>,
}

/// What a window of time came to.
#[derive(Default)]
pub struct Measured {
    pub sent: f64,
    pub deliveries: f64,
    pub seconds: f64,
    /// Of the server's processors, and of this process's.
    pub micros: f64,
    pub bench_micros: f64,
    /// Milliseconds of each delivery, from when it should have been sent.
    pub millis: Vec<f64>,
    /// One frame as it was heard.
    pub frame: Vec<u8>,
}

impl Measured {
    /// How much of their cores the server and this process used, in percent.
    pub fn cores(&self) -> (f64, f64) {
        let share = |micros: f64| micros / self.seconds / 10_000.0;
        (share(self.micros), share(self.bench_micros))
    }
}

impl Hall {
    /// A new server with nobody.
    pub async fn open(ground: &Ground) -> Result<Self> {
        let home = Home::make(&ground.kind, &ground.folder, "fanout").await?;
        let settings = ["limits.connections=19000", "server.drain_seconds=0"].map(str::to_owned);
        ground.cores.move_to_servers()?;
        let server = Server::start_with(&ground.binary, &home, &settings).await;
        ground.cores.move_to_own()?;
        Ok(Self {
            home,
            server: server?,
            since: Instant::now(),
            total: Arc::default(),
            rooms: Vec::new(),
            voices: Vec::new(),
            mouths: Vec::new(),
            ears: Vec::new(),
        })
    }

    /// The same with one room of people 1 to `people`, of whom the first `voices` send.
    pub async fn with_one_room(ground: &Ground, people: usize, voices: usize) -> Result<Self> {
        let mut hall = Self::open(ground).await?;
        let people = i64::try_from(people)?;
        rooms::meet(&hall.server, people).await?;
        let room = rooms::large(&hall.server, "The hall", people).await?;
        hall.rooms.push(room);
        for number in 0..voices {
            hall.add_voice(room, 1 + i64::try_from(number)?).await?;
        }
        Ok(hall)
    }

    /// Somebody who sends to a room and hears nothing. All voices have to be there before the first ear.
    pub async fn add_voice(&mut self, room: i64, user: i64) -> Result<()> {
        ensure!(self.ears.is_empty(), "a voice that came after the ears");
        let mut session = crate::stomp::Session::connect(self.server.address, &crate::token::token(user)).await?;
        session.listen("/user/queue/chat/errors").await?;
        let (stream, begun) = session.into_parts();
        let mouth = Ear::listen(stream, begun, self.hearing());
        let number = u32::try_from(self.voices.len())?;
        self.voices.push(Voice { stream: Arc::clone(&mouth.stream), room, number, said: 0 });
        self.mouths.push(mouth);
        Ok(())
    }

    /// Opens an ear for each of some people, who hear all voices of their room. Nothing may be said meanwhile.
    pub async fn add_ears(&mut self, door: Door, room: i64, users: impl Iterator<Item = i64>) -> Result<()> {
        let users: Vec<i64> = users.collect();
        let senders: Vec<usize> = (0..self.voices.len()).filter(|place| self.voices[*place].room == room).collect();
        let (hearing, address) = (self.hearing(), self.server.address);
        let opened = at_a_time(users.len(), AT_A_TIME, |place| {
            let (hearing, user) = (hearing.clone(), users[place]);
            async move {
                let (stream, begun) =
                    door.open(address, user).await.with_context(|| format!("user {user}"))?.into_parts();
                Ok(Ear::listen(stream, begun, hearing))
            }
        });
        let ears = opened.await?;
        self.ears.extend(ears.into_iter().map(|ear| Listener { ear, senders: senders.clone() }));
        Ok(())
    }

    fn hearing(&self) -> Hearing {
        Hearing { since: self.since, total: Arc::clone(&self.total), said: said(&self.voices) }
    }

    /// Sends at a pace, first to warm up and then for so long, and waits after both until everybody has heard it.
    pub async fn measure(&mut self, pace: Pace, duration: Duration) -> Result<Measured> {
        self.speak(pace, WARM_UP).await?;
        let window = self.begin();
        speak(&mut self.voices, pace, duration, self.since).await?;
        self.end(window).await
    }

    /// Sends at a pace for so long, without counting.
    pub async fn speak(&mut self, pace: Pace, duration: Duration) -> Result<()> {
        speak(&mut self.voices, pace, duration, self.since).await?;
        self.all_heard().await
    }

    /// Sends as fast as the listeners hear, of whose mean so many messages may be on their way.
    pub async fn saturate(&mut self, on_their_way: u64, duration: Duration) -> Result<Measured> {
        self.send_what_is_heard(on_their_way, WARM_UP).await?;
        self.all_heard().await?;
        let window = self.begin();
        self.send_what_is_heard(on_their_way, duration).await?;
        self.end(window).await
    }

    async fn send_what_is_heard(&mut self, on_their_way: u64, duration: Duration) -> Result<()> {
        let (until, begun) = (Instant::now() + duration, self.total.load(Ordering::Relaxed));
        let mut sent = 0;
        while Instant::now() < until {
            let heard = (self.total.load(Ordering::Relaxed) - begun) / self.ears.len().max(1) as u64;
            if sent < heard + on_their_way {
                let place = usize::try_from(sent)? % self.voices.len();
                self.voices[place].say(Instant::now(), self.since).await?;
                sent += 1;
            } else {
                sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }

    /// Begins to count.
    pub fn begin(&self) -> Window {
        for listener in &self.ears {
            listener.ear.heard().micros.clear();
        }
        Window {
            used: self.server.watched.read(),
            bench_used: this_process().read(),
            started: Instant::now(),
            said: said(&self.voices),
            heard: self.total.load(Ordering::Relaxed),
        }
    }

    /// What was counted once everybody has heard everything.
    pub async fn end(&self, window: Window) -> Result<Measured> {
        self.all_heard().await?;
        let micros = window.used.until(&self.server.watched.read()).server;
        let bench_micros = window.bench_used.until(&this_process().read()).server;
        let seconds = window.started.elapsed().as_secs_f64();
        let sent = said(&self.voices).iter().zip(&window.said).map(|(now, before)| f64::from(now - before)).sum();
        let deliveries = (self.total.load(Ordering::Relaxed) - window.heard) as f64;
        let mut measured = Measured { sent, deliveries, seconds, micros, bench_micros, ..Measured::default() };
        for listener in &self.ears {
            let heard = &mut *listener.ear.heard();
            measured.millis.extend(heard.micros.drain(..).map(|micros| f64::from(micros) / 1_000.0));
            if measured.frame.is_empty() {
                measured.frame.clone_from(&heard.frame);
            }
        }
        Ok(measured)
    }

    /// Waits until everybody has heard everything.
    ///
    /// # Errors
    /// Where somebody lost something, heard it twice or in another order, or was refused something.
    pub async fn all_heard(&self) -> Result<()> {
        let (said, until) = (said(&self.voices), Instant::now() + HEARD_TIMEOUT);
        let is_behind = |listener: &Listener| !listener.ear.has_heard(&said, &listener.senders);
        while self.ears.iter().any(is_behind) && Instant::now() < until {
            sleep(Duration::from_millis(1)).await;
        }
        self.mouths.iter().try_for_each(|mouth| mouth.check(&said, &[]))?;
        self.ears.iter().try_for_each(|listener| listener.ear.check(&said, &listener.senders))
    }

    /// Ends the server and removes what it wrote.
    pub async fn close(self) -> Result<()> {
        let Self { home, server, ears, mouths, .. } = self;
        drop((ears, mouths));
        server.stop().await?;
        home.remove().await
    }
}

/// Where counting began.
pub struct Window {
    used: Used,
    bench_used: Used,
    started: Instant,
    said: Vec<u32>,
    heard: u64,
}

fn this_process() -> Watched {
    Watched { server: Some(std::process::id()), postmaster: None }
}
