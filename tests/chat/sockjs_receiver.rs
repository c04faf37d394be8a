//! The requests by which a client of SockJS receives over HTTP, and the frames in their responses.

use std::collections::VecDeque;
use std::net::SocketAddr;

use reqwest::Response;
use tokio::sync::mpsc;

use crate::stomp_client::{Carrier, Heard, frames_of};

/// The requests that receive, one after the other.
pub struct Receiver {
    client: reqwest::Client,
    carrier: Carrier,
    url: String,
    answer: Option<Response>,
    text: Vec<u8>,
    frames: VecDeque<String>,
}

impl Receiver {
    pub fn new(client: reqwest::Client, address: SocketAddr, carrier: Carrier, session: &str, query: &str) -> Self {
        let verb = match carrier {
            Carrier::Streaming => "xhr_streaming",
            Carrier::EventSource => "eventsource",
            Carrier::HtmlFile => "htmlfile",
            _ => "xhr",
        };
        let callback = match (carrier, query) {
            (Carrier::HtmlFile, "") => "?c=_jp.a1",
            (Carrier::HtmlFile, _) => "&c=_jp.a1",
            _ => "",
        };
        let url = format!("http://{address}{session}/{verb}{query}{callback}");
        Self { client, carrier, url, answer: None, text: Vec::new(), frames: VecDeque::new() }
    }

    /// Receives until the session ends or nobody wants to hear it.
    pub async fn listen(mut self, heard: mpsc::Sender<Heard>) {
        while let Some(frame) = self.next().await {
            let told = match frames_of(&frame) {
                Ok(texts) => texts.into_iter().map(Heard::Text).collect(),
                Err((code, reason)) => vec![Heard::Closed(code, reason)],
            };
            for one in told {
                let last = matches!(one, Heard::Closed(..));
                if heard.send(one).await.is_err() || last {
                    return;
                }
            }
        }
        heard.send(Heard::Closed(1006, "without a word".to_owned())).await.ok();
    }

    /// The next frame of SockJS, over as many requests as it takes; `None` where one is refused.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            let Some(answer) = &mut self.answer else {
                let request = match self.carrier {
                    Carrier::Polling | Carrier::Streaming => self.client.post(&self.url),
                    _ => self.client.get(&self.url),
                };
                let answer = request.send().await.ok()?;
                if answer.status() != 200 {
                    return None;
                }
                self.answer = Some(answer);
                continue;
            };
            match answer.chunk().await.ok()? {
                Some(chunk) => self.text.extend_from_slice(&chunk),
                None => self.answer = None,
            }
            self.cut();
        }
    }

    /// Takes whole frames out of the text.
    fn cut(&mut self) {
        let end: &[u8] = match self.carrier {
            Carrier::EventSource => b"\r\n\r\n",
            Carrier::HtmlFile => b"</script>\r\n",
            _ => b"\n",
        };
        // What stands before the first frame goes: it has another form.
        if self.carrier == Carrier::EventSource && self.text.starts_with(b"\r\n") {
            self.text.drain(..2);
        }
        if self.carrier == Carrier::HtmlFile
            && let Some(at) = self.text.windows(4).position(|bytes| bytes == b"\r\n\r\n")
        {
            assert!(at > 1024, "browsers wait for a kilobyte");
            self.text.drain(..at + 4);
        }
        while let Some(at) = self.text.windows(end.len()).position(|bytes| bytes == end) {
            let piece: Vec<u8> = self.text.drain(..at + end.len()).take(at).collect();
            let piece = String::from_utf8(piece).expect("UTF-8");
            let frame = match self.carrier {
                // The client of this transport decodes what it is given, and fails over a bare `%`.
                Carrier::EventSource => {
                    let data = piece.strip_prefix("data: ").expect("an event");
                    let bare = data.split('%').skip(1).find(|rest| !rest.starts_with("25"));
                    assert_eq!(bare, None, "{data}");
                    data.replace("%25", "%")
                }
                Carrier::HtmlFile => {
                    let quoted = piece.strip_prefix("<script>\np(").and_then(|rest| rest.strip_suffix(");\n"));
                    serde_json::from_str(quoted.expect("a script")).expect("a string")
                }
                _ => piece,
            };
            if frame.len() == 2048 && frame.bytes().all(|byte| byte == b'h') {
                assert_eq!(self.carrier, Carrier::Streaming);
            } else {
                self.frames.push_back(frame);
            }
        }
    }
}
