#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sockjs::fuzz::websocket_frames(data));
