#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| confab::fuzz::graphql_transport_ws(data));
