//! The cookie by which some load balancers choose a server. Its value means nothing here.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};

const NAME: &str = "JSESSIONID=";
/// The longest value that is echoed.
const MAX_VALUE_BYTES: usize = 128;

/// Sets the cookie to the value that the client sent, or to `dummy`.
pub(super) fn set(request: &HeaderMap, response: &mut HeaderMap) {
    let sent = request.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let value =
        sent.filter_map(|cookie| cookie.trim().strip_prefix(NAME)).find(|value| is_harmless(value)).unwrap_or("dummy");
    if let Ok(cookie) = HeaderValue::try_from(format!("{NAME}{value}; path=/")) {
        response.insert(SET_COOKIE, cookie);
    }
}

fn is_harmless(value: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~+/=:|@".contains(&byte);
    (1..=MAX_VALUE_BYTES).contains(&value.len()) && value.bytes().all(known)
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
