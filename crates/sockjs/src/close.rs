//! The payload of a close frame (RFC 6455, 5.5.1 and 7.4): nothing, or a code and a reason.

use super::head::MAX_CONTROL_BYTES;

/// What is wrong with a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvalidClose {
    /// A code that has no meaning or may not be sent, or half of one.
    Code,
    /// A reason that is no UTF-8.
    Reason,
}

/// A code, and as much of a reason as fits.
pub(super) fn payload(code: u16, reason: &str) -> Vec<u8> {
    let end = reason.floor_char_boundary(MAX_CONTROL_BYTES - size_of_val(&code));
    [&code.to_be_bytes(), &reason.as_bytes()[..end]].concat()
}

/// Whether a client may close with it.
pub(super) fn check(payload: &[u8]) -> Result<(), InvalidClose> {
    let (code, reason) = match payload {
        [] => return Ok(()),
        [_] => return Err(InvalidClose::Code),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    // Those to which the specification, its registry and applications have given a meaning, and which can be sent.
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => str::from_utf8(reason).map(|_| ()).map_err(|_| InvalidClose::Reason),
        _ => Err(InvalidClose::Code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_with_a_meaning_close() {
        let allowed: Vec<u16> = (0..=u16::MAX).filter(|code| check(&code.to_be_bytes()).is_ok()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(allowed, expected);
        assert_eq!((check(b""), check(b"\x03")), (Ok(()), Err(InvalidClose::Code)));
        assert_eq!(check(b"\x03\xe8\xff"), Err(InvalidClose::Reason));
    }

    #[test]
    fn a_reason_is_cut_between_characters_where_it_does_not_fit() {
        let long = payload(1000, &"é".repeat(100));
        assert_eq!((long.len(), check(&long)), (124, Ok(())));
        assert_eq!(payload(1000, ""), [0x03, 0xe8]);
    }
}
