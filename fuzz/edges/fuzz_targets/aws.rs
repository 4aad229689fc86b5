//! AWS's answers, whatever they are: a list of instances (XML), a page of the history (JSON), through the real SDK.

#![no_main]
#![allow(missing_docs, reason = "a fuzz target")]

use std::sync::{Arc, LazyLock, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use trailnoti::clock::Clock;
use trailnoti::domain::lookup::cursor::Request;
use trailnoti::domain::lookup::stream::Stream;
use trailnoti::simulator::World;
use trailnoti::source::{self, Account, RegionAccess};

/// What the fuzzer says in place of CloudTrail and EC2; everything else is the simulated world's.
#[derive(Clone, Debug)]
struct Says {
    world: World,
    said: Arc<Mutex<(u16, Vec<u8>)>>,
}

impl HttpConnector for Says {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let authorization = request.headers().get("authorization").unwrap_or_default();
        if authorization.contains("/sts/") {
            return self.world.call(request);
        }
        let (status, body) = self.said.lock().expect("said").clone();
        let status = StatusCode::try_from(status).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
    }
}

impl HttpClient for Says {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

struct Stage {
    runtime: Runtime,
    access: RegionAccess,
    said: Arc<Mutex<(u16, Vec<u8>)>>,
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let clock = Clock::system();
    let world = World::new(clock);
    let key = world.add_account("111122223333");
    let said = Arc::new(Mutex::new((200, Vec::new())));
    let client = Says { world: world.clone(), said: said.clone() };
    let sdk = source::simulated(&world, &key).into_builder().http_client(client).build();
    let account = runtime.block_on(Account::of_credentials(&sdk)).expect("an account");
    let access = account.region("us-east-1", &source::skew(clock));
    Mutex::new(Stage { runtime, access, said })
});

fuzz_target!(|input: &[u8]| {
    let Some((first, body)) = input.split_first() else { return };
    let stage = STAGE.lock().expect("the stage");
    *stage.said.lock().expect("said") = (if first & 2 == 0 { 200 } else { 400 }, body.to_vec());
    stage.runtime.block_on(async {
        if first & 1 == 0 {
            // A token that never ends is asked a thousand times, and that is tried elsewhere.
            if body.windows(9).any(|window| window == b"nextToken") {
                return;
            }
            if let Ok(listed) = stage.access.list_instances().await {
                assert!(listed.iter().all(|instance| instance.id.len() <= body.len()));
            }
        } else {
            let (start, end) = (jiff::Timestamp::UNIX_EPOCH, jiff::Timestamp::now());
            let request = Request { stream: Stream::Writes, start, end, token: None };
            if let Ok(page) = stage.access.look_up(&request).await {
                assert!(page.events.len() <= body.len());
            }
        }
    });
});
