//! The transports as data: how each is asked for and how its frames look on the wire.
//! It knows no session.

use axum::http::Method;

use super::frame;

/// How a session reaches its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A WebSocket that carries SockJS frames.
    WebSocket,
    /// A WebSocket without SockJS framing.
    RawWebSocket,
    /// Polling: one response for what waits.
    Xhr,
    /// A response that goes on.
    XhrStreaming,
    /// A response of server-sent events.
    EventSource,
    /// A page of scripts that goes on, for old browsers.
    HtmlFile,
}

/// What a request asks of a session: the last segment of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Receive(Transport),
    Send,
    Connect,
}

/// Every last segment, its action and its methods; the first method is the one that acts.
pub(super) const ACTIONS: [(&str, Action, &str); 6] = [
    ("websocket", Action::Connect, "GET"),
    ("xhr", Action::Receive(Transport::Xhr), "POST,OPTIONS"),
    ("xhr_send", Action::Send, "POST,OPTIONS"),
    ("xhr_streaming", Action::Receive(Transport::XhrStreaming), "POST,OPTIONS"),
    ("eventsource", Action::Receive(Transport::EventSource), "GET"),
    ("htmlfile", Action::Receive(Transport::HtmlFile), "GET,OPTIONS"),
];

/// Whether a method stands in a list such as `GET,OPTIONS`.
pub(super) fn allows(list: &str, method: &Method) -> bool {
    list.split(',').any(|one| one == method.as_str())
}

impl Transport {
    /// Whether a response ends after one frame.
    pub(super) fn is_polling(self) -> bool {
        self == Self::Xhr
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::EventSource => "text/event-stream",
            Self::HtmlFile => "text/html;charset=UTF-8",
            _ => "application/javascript;charset=UTF-8",
        }
    }

    /// What stands before the first frame of a response; `callback` names a function of the parent page.
    pub(super) fn prelude(self, callback: &str) -> String {
        match self {
            Self::XhrStreaming => "h".repeat(2048) + "\n",
            Self::EventSource => "\r\n".to_owned(),
            // Old browsers do not run the scripts of a page before they have a kilobyte of it.
            Self::HtmlFile => format!("{HTML_HEAD}{callback}{HTML_BODY}{}\r\n\r\n", " ".repeat(1024)),
            _ => String::new(),
        }
    }

    /// A frame as it stands in a response.
    pub(super) fn wrap(self, frame: &str) -> String {
        match self {
            // Its clients decode percent signs. The line ends that would need it are escapes of JSON in every frame.
            Self::EventSource => format!("data: {}\r\n\r\n", frame.replace('%', "%25")),
            Self::HtmlFile => {
                // A message must not be able to end the script that it stands in.
                let quoted = frame::quote(frame).replace('<', "\\u003c");
                format!("<script>\np({quoted});\n</script>\r\n")
            }
            _ => format!("{frame}\n"),
        }
    }
}

const HTML_HEAD: &str = r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script>
    document.domain = document.domain;
    var c = parent."#;

const HTML_BODY: &str = r";
    c.start();
    function p(d) {c.message(d);};
    window.onload = function() {c.stop();};
  </script>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_frames_as_the_protocol_says() {
        let frame = r#"a["x"]"#;
        assert_eq!(Transport::Xhr.wrap(frame), "a[\"x\"]\n");
        assert_eq!(Transport::EventSource.wrap(frame), "data: a[\"x\"]\r\n\r\n");
        let percent = frame::messages(&[frame::quote("100% %20 \r\n\0")]);
        assert_eq!(Transport::EventSource.wrap(&percent), "data: a[\"100%25 %2520 \\r\\n\\u0000\"]\r\n\r\n");
        assert_eq!(Transport::XhrStreaming.wrap(&percent), "a[\"100% %20 \\r\\n\\u0000\"]\n");
        assert_eq!(Transport::HtmlFile.wrap(frame), "<script>\np(\"a[\\\"x\\\"]\");\n</script>\r\n");
        assert_eq!(Transport::XhrStreaming.prelude("").len(), 2049);
        assert!(Transport::HtmlFile.prelude("a.b").len() > 1024);
    }

    #[test]
    fn a_message_cannot_end_the_script_it_stands_in() {
        assert!(!Transport::HtmlFile.wrap("a[\"</script><b>\"]").contains("</script><b>"));
    }
}
