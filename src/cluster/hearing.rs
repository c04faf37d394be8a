//! What was heard of other nodes, for the one who looks at it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::backplane::way::Heard;
use super::frame::News;
use super::peers::Peers;
use crate::entity::clock;
use crate::telemetry;

/// The end at which comes out what other nodes told.
pub struct Hearing {
    peers: Arc<Peers>,
    frames: mpsc::Receiver<Heard>,
    /// Where nobody is to be heard, this keeps the other end open.
    _nobody: Option<mpsc::Sender<Heard>>,
}

impl Hearing {
    pub(super) fn new(peers: Arc<Peers>, frames: mpsc::Receiver<Heard>, nobody: Option<mpsc::Sender<Heard>>) -> Self {
        Self { peers, frames, _nobody: nobody }
    }

    /// The next thing that another node told; none where something may have been missed. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<News> {
        match self.frames.recv().await {
            Some(Heard::Frame(frame)) => {
                self.peers.heard(&frame);
                if frame.at > 0 {
                    telemetry::frame_took(clock::now().timestamp_millis() - frame.at);
                }
                Some(frame.news)
            }
            Some(Heard::Gap) => None,
            // The server stops.
            None => std::future::pending().await,
        }
    }
}
