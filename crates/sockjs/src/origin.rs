//! Which origins may use an endpoint, and what browsers are told about it. One rule for information, transports and
//! WebSockets.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, FORWARDED, HOST, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::reply;

/// The longest list of headers that a browser may ask for.
const MAX_HEADER_LIST_BYTES: usize = 1024;

/// Which pages may use an endpoint. A request without an origin comes from no page, and is always allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages that came from the host and port that the request is for.
    #[default]
    SameOrigin,
    /// All, `null` included. The origin is echoed.
    Any,
    /// Those that are named, such as `https://chat.example.org` or, on any port, `http://localhost:*`, and the same origin.
    List(Vec<String>),
}

impl Origins {
    /// Whether the page that a request comes from may use the endpoint.
    pub fn allow(&self, request: &Parts) -> bool {
        let Some(origin) = request.headers.get(ORIGIN) else { return true };
        if *self == Self::Any {
            return true;
        }
        let Ok(origin) = origin.to_str() else { return false };
        origin != "null" && (self.names(origin) || is_same(origin, request))
    }

    /// Whether an origin is among those that are named.
    pub fn names(&self, origin: &str) -> bool {
        let Self::List(origins) = self else { return false };
        let is_meant = |one: &String| match one.strip_suffix(":*") {
            Some(host) => without_port(origin).eq_ignore_ascii_case(host),
            None => one.trim_end_matches('/').eq_ignore_ascii_case(origin),
        };
        origins.iter().any(is_meant)
    }

    /// The content security policy that names the origins which may frame a page; none where every origin may.
    pub(super) fn frame_policy(&self) -> Option<String> {
        let listed = match self {
            Self::Any => return None,
            Self::SameOrigin => &[],
            Self::List(origins) => origins.as_slice(),
        };
        // A policy has a syntax of its own, which no origin needs.
        let plain = |origin: &&String| origin.bytes().all(|byte| byte.is_ascii_graphic() && !b";,'".contains(&byte));
        let named = listed.iter().filter(plain).map(|origin| format!(" {}", origin.trim_end_matches('/')));
        Some(format!("frame-ancestors 'self'{}", named.collect::<String>()))
    }

    /// Adds the headers by which a browser lets the page of this origin read the response to an allowed request.
    pub(super) fn add_headers(&self, origin: Option<HeaderValue>, headers: &mut HeaderMap) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if *self == Self::Any {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
}

/// Adds the headers that tell a browser, which asks beforehand, what it may send. The response may be cached for a year.
pub(super) fn preflight(request: &Parts, methods: &'static str, headers: &mut HeaderMap) {
    reply::cache_for_a_year(headers);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("31536000"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    if let Some(asked) = request.headers.get(ACCESS_CONTROL_REQUEST_HEADERS)
        && (1..=MAX_HEADER_LIST_BYTES).contains(&asked.len())
        && asked.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_, ".contains(byte))
    {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
}

/// Whether an origin has the host and port of the request, as the request or a proxy in front names them: a page cannot
/// set these headers. The scheme only gives the port where none is written, since behind a proxy the server does not know
/// its own; a host without a port is that host on any port.
fn is_same(origin: &str, request: &Parts) -> bool {
    let (own, port) = match origin.split_once("://") {
        Some(("https", own)) => (own, ":443"),
        Some(("http", own)) => (own, ":80"),
        _ => return false,
    };
    let bare = |address: &str| address.strip_suffix(port).unwrap_or(address).to_ascii_lowercase();
    hosts(request).any(|host| {
        let is_host_alone = !host[host.rfind(']').unwrap_or(0)..].contains(':');
        bare(own) == bare(host) || is_host_alone && without_port(own).eq_ignore_ascii_case(host)
    })
}

/// The hosts that a request may be for: its own, and those that proxies have passed on.
fn hosts(request: &Parts) -> impl Iterator<Item = &str> {
    let lines = |name: &str| request.headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    let own = lines(HOST.as_str()).chain(request.uri.authority().map(|authority| authority.as_str()));
    let passed_on = lines("x-forwarded-host").flat_map(|line| line.split(',')).map(str::trim);
    let forwarded = lines(FORWARDED.as_str()).flat_map(|line| line.split([',', ';'])).filter_map(|pair| {
        let (name, host) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("host").then(|| host.trim_matches('"'))
    });
    own.chain(passed_on).chain(forwarded).filter(|host| !host.is_empty())
}

/// The address or origin without what stands behind its host.
fn without_port(address: &str) -> &str {
    let scheme_end = address.find("://").map_or(0, |end| end + 3);
    let name_end = address.rfind(']').unwrap_or(scheme_end);
    address[name_end..].find(':').map_or(address, |port| &address[..name_end + port])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn request(host: &str, origin: Option<&str>) -> Parts {
        let request = Request::builder().header(HOST, host);
        let request =
            origin.map_or_else(|| Request::builder().header(HOST, host), |origin| request.header(ORIGIN, origin));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_same_origin_has_the_same_host_and_port() {
        for (host, origin, same) in [
            ("a.org", "https://a.org", true),
            ("a.org", "http://a.org:80", true),
            ("A.org:443", "https://a.org", true),
            ("a.org:8080", "http://a.org:8080", true),
            ("a.org:8080", "http://a.org", false),
            ("a.org", "https://a.org:8443", true),
            ("[::1]", "http://[::1]:8080", true),
            ("[::1]:80", "http://[::1]:8080", false),
            ("a.org", "https://a.org.evil", false),
            ("a.org", "https://evil", false),
            ("a.org", "null", false),
            ("a.org", "file://", false),
        ] {
            assert_eq!(Origins::SameOrigin.allow(&request(host, Some(origin))), same, "{host} {origin}");
        }
        assert!(Origins::SameOrigin.allow(&request("a.org", None)));
    }

    #[test]
    fn a_proxy_may_say_which_host_was_asked_for() {
        for (name, value, same) in [
            ("x-forwarded-host", "chat.example.org", true),
            ("x-forwarded-host", "other.example.org, chat.example.org:443", true),
            ("x-forwarded-host", "example.org", false),
            ("forwarded", "for=1.2.3.4;Host=\"chat.example.org:443\";proto=https, for=10.0.0.1", true),
            ("forwarded", "for=1.2.3.4;host=example.org", false),
            ("x-original-host", "chat.example.org", false),
        ] {
            let request = Request::builder().header(HOST, "10.0.0.7:1337").header(ORIGIN, "https://chat.example.org");
            let request = request.header(name, value).body(()).unwrap().into_parts().0;
            assert_eq!(Origins::SameOrigin.allow(&request), same, "{name}: {value}");
        }
    }

    #[test]
    fn listed_origins_are_allowed_and_null_only_with_all() {
        let listed = Origins::List(vec!["https://b.org".to_owned(), "null".to_owned()]);
        assert!(listed.allow(&request("a.org", Some("https://b.org"))));
        assert!(listed.allow(&request("a.org", Some("https://a.org"))));
        assert!(!listed.allow(&request("a.org", Some("http://b.org"))));
        assert!(!listed.allow(&request("a.org", Some("null"))));
        assert!(Origins::Any.allow(&request("a.org", Some("null"))));
    }

    #[test]
    fn a_host_may_be_named_for_all_of_its_ports() {
        let listed = Origins::List(vec!["http://localhost:*".to_owned(), "http://[::1]:*".to_owned()]);
        for (origin, allowed) in [
            ("http://localhost:5173", true),
            ("http://localhost", true),
            ("http://LOCALHOST:3000", true),
            ("http://[::1]:3000", true),
            ("https://localhost:5173", false),
            ("http://localhost.evil:5173", false),
            ("http://evil.localhost:5173", false),
            ("http://localhost@evil:80", false),
            ("http://[::2]:3000", false),
        ] {
            assert_eq!(listed.allow(&request("a.org", Some(origin))), allowed, "{origin}");
        }
        assert_eq!(listed.frame_policy().unwrap(), "frame-ancestors 'self' http://localhost:* http://[::1]:*");
    }

    #[test]
    fn the_origin_is_echoed_and_none_is_a_star_where_all_are_allowed() {
        let told = |origins: Origins, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            origins.add_headers(origin.map(HeaderValue::from_static), &mut headers);
            let allowed = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap().to_owned());
            (allowed, headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS))
        };
        assert_eq!(told(Origins::Any, Some("null")), (Some("null".to_owned()), true));
        assert_eq!(told(Origins::Any, None), (Some("*".to_owned()), false));
        assert_eq!(told(Origins::SameOrigin, None), (None, false));
    }
}
