//! The simulated world as the SDK's HTTP client: requests come in as they would go out to AWS.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use crate::simulator::wire::{Answer, Call};
use crate::simulator::world::World;

impl HttpConnector for World {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let world = self.clone();
        let authorization = request.headers().get("authorization").unwrap_or_default().to_owned();
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        HttpConnectorFuture::new(async move {
            let observer = world.lock().observer.clone();
            if let Some(observe) = &observer {
                observe();
            }
            let answer = match Call::read(&authorization, &target, &body) {
                Some(call) => world.answer(&call),
                None => Answer::error(
                    "sts",
                    403,
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token",
                ),
            };
            match answer {
                Answer::Hang => std::future::pending().await,
                Answer::Reset => Err(ConnectorError::io("connection reset by peer".into())),
                Answer::Reply { status, content_type, body, after } => {
                    tokio::time::sleep(after).await;
                    let status = StatusCode::try_from(status)
                        .map_err(|error| ConnectorError::other(error.into(), None))?;
                    let mut response = HttpResponse::new(status, SdkBody::from(body));
                    response.headers_mut().insert("content-type", content_type);
                    let date = jiff::fmt::rfc2822::to_string(
                        &world.aws_time().to_zoned_datetime(jiff::tz::TimeZone::UTC),
                    );
                    response.headers_mut().insert("date", date.unwrap_or_default());
                    if let Some(observe) = &observer {
                        observe();
                    }
                    Ok(response)
                }
            }
        })
    }
}

impl HttpClient for World {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
