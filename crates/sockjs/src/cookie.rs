//! The cookie that some load balancers go by. It means nothing to the server.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

const NAME: &str = "JSESSIONID=";
/// Longest value that is echoed, in bytes.
const LONGEST: usize = 128;

/// Sets the cookie to what the client sent, or to something.
pub(super) fn set(request: &HeaderMap, response: &mut HeaderMap) {
    let sent = request.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let value = sent.filter_map(|cookie| cookie.trim().strip_prefix(NAME)).find(|value| fits(value)).unwrap_or("dummy");
    if let Ok(cookie) = HeaderValue::try_from(format!("{NAME}{value}; path=/")) {
        response.insert(SET_COOKIE, cookie);
    }
}

fn fits(value: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~+/=:|@".contains(&byte);
    (1..=LONGEST).contains(&value.len()) && value.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_echoed_if_it_is_harmless() {
        for (sent, expected) in [
            ("JSESSIONID=abcdef", "JSESSIONID=abcdef; path=/"),
            ("a=b; JSESSIONID=x.node1 ;c=d", "JSESSIONID=x.node1; path=/"),
            ("JSESSIONID=", "JSESSIONID=dummy; path=/"),
            ("JSESSIONID=a,b", "JSESSIONID=dummy; path=/"),
            ("XJSESSIONID=a", "JSESSIONID=dummy; path=/"),
        ] {
            let mut request = HeaderMap::new();
            request.insert(COOKIE, HeaderValue::from_static(sent));
            let mut response = HeaderMap::new();
            set(&request, &mut response);
            assert_eq!(response[SET_COOKIE], expected);
        }
    }
}
