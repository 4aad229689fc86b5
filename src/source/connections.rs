//! Connections to AWS. Owns that there is one pool of them, and one TLS configuration, for all regions, services and
//! accounts; how long a request may take is `timeouts`'s.

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::source::room::bounded;

/// What all clients of the SDK share. It makes one of these for each client otherwise: two for each region of each
/// account, each with the machine's certificates. A proxy is taken from the environment, as the SDK itself does (AWS SDK
/// for Rust developer guide, "HTTP proxy").
pub(super) fn connections() -> SharedHttpClient {
    bounded(Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    }))
}
