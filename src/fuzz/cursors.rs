//! The places that clients come back with.

use async_graphql::ID;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::api::graphql::node::NodeKey;
use crate::chat::conversations::list;
use crate::chat::directory::found::Place;
use crate::chat::log::Head;
use crate::chat::page;
use crate::error::Kind;

/// Of a place there is one cursor: what is taken, written again, is the same text.
pub fn cursors(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    place_in_the_log(text);
    for cursor in [text, &URL_SAFE_NO_PAD.encode(data)] {
        place_in_a_list::<1>(cursor);
        place_in_a_list::<3>(cursor);
        if let Ok(place) = list::place_of(cursor) {
            let numbers = [place.pinned.into(), place.at.timestamp_millis(), place.id];
            assert_eq!(page::encode_cursor(&numbers), cursor);
        }
        if let Ok(place) = Place::read(cursor) {
            assert_eq!(place.cursor(), cursor);
        }
        if let Ok(key) = NodeKey::read(&cursor.into()) {
            assert_eq!(ID::from(key).as_str(), cursor);
        }
    }
}

fn place_in_the_log(cursor: &str) {
    let epoch = cursor.split('.').next().unwrap_or_default().to_owned();
    for (position, pruned) in [(1_000, 0), (i64::MAX, 10)] {
        let head = Head { epoch: epoch.clone().into(), position, pruned };
        match head.position_of(cursor) {
            Ok(found) => {
                assert!((pruned..=position).contains(&found));
                assert_eq!(head.cursor(found).to_string(), cursor);
                assert!(cursor.len() <= 64);
            }
            Err(refused) => assert!([Kind::BadRequest, Kind::CursorExpired].contains(&refused.kind)),
        }
        let other = Head { epoch: format!("{epoch}x").into(), position, pruned };
        assert!(other.position_of(cursor).is_err(), "a cursor of another epoch");
    }
}

fn place_in_a_list<const N: usize>(cursor: &str) {
    match page::decode_cursor::<N>(cursor) {
        Ok(numbers) => assert_eq!(page::encode_cursor(&numbers), cursor),
        Err(refused) => assert_eq!(refused.kind, Kind::BadRequest),
    }
}
