#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| confab::fuzz::file_kinds(data));
