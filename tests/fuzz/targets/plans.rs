#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| immutable_fuzz::plans(bytes));
