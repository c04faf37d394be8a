//! The mask of a payload (RFC 6455, 5.3), which every frame of a client has.

/// Masks a payload, or takes its mask from it: both are the same.
pub(super) fn apply(mask: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_byte_has_its_own_of_the_mask(mask in any::<[u8; 4]>(), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut masked = bytes.clone();
            apply(mask, &mut masked);
            let expected: Vec<u8> = bytes.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]).collect();
            prop_assert_eq!(masked, expected);
        }
    }
}
