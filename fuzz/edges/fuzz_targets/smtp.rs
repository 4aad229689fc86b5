//! A mail server's answers, whatever they are.

#![no_main]
#![allow(missing_docs, clippy::panic, reason = "a fuzz target")]

use libfuzzer_sys::fuzz_target;

mod sink;

const CONFIG: &str = "[[sink]]\nname = \"mail\"\nkind = \"email\"\nsmtp = \"smtp://127.0.0.1:PORT\"\ntls = \"none\"\nusername = \"u\"\npassword = \"sesame\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n";

fuzz_target!(|input: &[u8]| sink::deliver(input.to_vec()));
