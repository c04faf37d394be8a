//! What each path below the prefix is. Whatever it does not know is not found.

use super::transport::{VERBS, Verb};

/// Longest server or session in a path, in bytes.
const LONGEST: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'p> {
    /// The prefix itself, with or without a slash.
    Greeting,
    Info,
    Iframe,
    RawWebSocket,
    Session {
        id: &'p str,
        verb: Verb,
        /// The methods that the place knows.
        methods: &'static str,
    },
}

/// Reads a path from which the prefix has been taken.
pub(super) fn place(path: &str) -> Option<Place<'_>> {
    match path {
        "" | "/" => return Some(Place::Greeting),
        "/info" => return Some(Place::Info),
        "/websocket" => return Some(Place::RawWebSocket),
        _ => (),
    }
    let path = path.strip_prefix('/')?;
    if let Some(version) = path.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html")) {
        let known = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'.' | b'_');
        return version.bytes().all(known).then_some(Place::Iframe);
    }
    let mut segments = path.split('/');
    let (server, id, last) = (segments.next()?, segments.next()?, segments.next()?);
    if segments.next().is_some() || !fits(server) || !fits(id) {
        return None;
    }
    VERBS.iter().find(|(name, ..)| *name == last).map(|(_, verb, methods)| Place::Session { id, verb: *verb, methods })
}

fn fits(segment: &str) -> bool {
    !segment.is_empty() && segment.len() <= LONGEST && !segment.contains('.')
}

#[cfg(test)]
mod tests {
    use super::super::Transport;
    use super::*;

    #[test]
    fn the_known_places_are_found() {
        assert_eq!(place(""), Some(Place::Greeting));
        assert_eq!(place("/"), Some(Place::Greeting));
        assert_eq!(place("/info"), Some(Place::Info));
        assert_eq!(place("/websocket"), Some(Place::RawWebSocket));
        for path in ["/iframe.html", "/iframe-.html", "/iframe-0.1.2abc-dirty.2144.html"] {
            assert_eq!(place(path), Some(Place::Iframe), "{path}");
        }
        let xhr = Place::Session { id: "b%20", verb: Verb::Receive(Transport::Xhr), methods: "POST,OPTIONS" };
        assert_eq!(place("/a/b%20/xhr"), Some(xhr));
    }

    #[test]
    fn everything_else_is_not_found() {
        for path in [
            "//",
            "///",
            "/a",
            "/a/",
            "/a/a",
            "/a/a/",
            "/a.html",
            "/info/",
            "/iframe",
            "/iframe.htm",
            "/IFRAME.html",
            "/iframe-/.html",
            "/iframe.HTML",
            "///xhr",
            "//a/xhr",
            "/a//xhr",
            "/a./a/xhr",
            "/a/a./xhr",
            "/./../xhr",
            "/a/a/xhr/",
            "/a/a/a/xhr",
            "/a/a/xhr;x=1",
            "/a/a/jsonp",
            "/a/a/jsonp_send",
            "/a/a/XHR",
            "/websocket/",
        ] {
            assert_eq!(place(path), None, "{path}");
        }
        assert_eq!(place(&format!("/a/{}/xhr", "x".repeat(300))), None);
    }
}
