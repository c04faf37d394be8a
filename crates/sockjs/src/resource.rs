//! The resources of an endpoint: what each path below the prefix names. Every other path is not found.

use super::transport::{ACTIONS, Action};

/// The longest server id or session id in a path.
const MAX_ID_BYTES: usize = 128;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource<'p> {
    /// The prefix itself, with or without a slash.
    Greeting,
    Info,
    Iframe,
    RawWebSocket,
    Session {
        id: &'p str,
        action: Action,
        /// The methods that the resource has.
        methods: &'static str,
    },
}

/// The resource of a path from which the prefix was cut.
pub(super) fn resource(path: &str) -> Option<Resource<'_>> {
    match path {
        "" | "/" => return Some(Resource::Greeting),
        "/info" => return Some(Resource::Info),
        "/websocket" => return Some(Resource::RawWebSocket),
        _ => (),
    }
    let path = path.strip_prefix('/')?;
    if let Some(version) = path.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html")) {
        let known = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'.' | b'_');
        return version.bytes().all(known).then_some(Resource::Iframe);
    }
    let mut segments = path.split('/');
    let (server, id, last) = (segments.next()?, segments.next()?, segments.next()?);
    if segments.next().is_some() || !is_id(server) || !is_id(id) {
        return None;
    }
    let (_, action, methods) = ACTIONS.iter().find(|(name, ..)| *name == last)?;
    Some(Resource::Session { id, action: *action, methods })
}

fn is_id(segment: &str) -> bool {
    !segment.is_empty() && segment.len() <= MAX_ID_BYTES && !segment.contains('.')
}

#[cfg(test)]
mod tests {
    use super::super::Transport;
    use super::*;

    #[test]
    fn the_known_paths_are_found() {
        assert_eq!(resource(""), Some(Resource::Greeting));
        assert_eq!(resource("/"), Some(Resource::Greeting));
        assert_eq!(resource("/info"), Some(Resource::Info));
        assert_eq!(resource("/websocket"), Some(Resource::RawWebSocket));
        for path in ["/iframe.html", "/iframe-.html", "/iframe-0.1.2abc-dirty.2144.html"] {
            assert_eq!(resource(path), Some(Resource::Iframe), "{path}");
        }
        let xhr = Resource::Session { id: "b%20", action: Action::Receive(Transport::Xhr), methods: "POST,OPTIONS" };
        assert_eq!(resource("/a/b%20/xhr"), Some(xhr));
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
            assert_eq!(resource(path), None, "{path}");
        }
        assert_eq!(resource(&format!("/a/{}/xhr", "x".repeat(300))), None);
    }
}
