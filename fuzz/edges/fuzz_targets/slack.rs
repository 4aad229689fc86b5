//! Slack's answers, whatever they are: whole HTTP, or a status and a body.

#![no_main]
#![allow(missing_docs, clippy::panic, reason = "a fuzz target")]

use libfuzzer_sys::fuzz_target;

mod sink;

const CONFIG: &str = "[[sink]]\nname = \"slack\"\nkind = \"slack\"\nwebhook_url = \"http://127.0.0.1:PORT/services/sesame\"\n";

fuzz_target!(|input: &[u8]| {
    let Some((first, said)) = input.split_first() else { return };
    sink::deliver(match first % 4 {
        0 => said.to_vec(),
        kind => {
            let status = [200, 400, 429][usize::from(kind) - 1];
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
            [head.as_bytes(), said].concat()
        }
    });
});
