//! From where: the network of a source address. Owns how wide a network is.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::domain::json::Json;

/// A provider gives a customer another address of the same /24 tomorrow, and a site has an IPv6 /48 (RFC 6177).
const WIDTHS: (u8, u8) = (24, 48);

/// The network that a record's call came from. A private address behind an endpoint of a VPC says nothing: whoever has a VPC of
/// his own chooses it. The endpoint's id is AWS's (CloudTrail user guide, "Record contents": `vpcEndpointId`).
pub(super) fn network_of(detail: &Json) -> Option<String> {
    let endpoint = detail.text("vpcEndpointId").filter(|id| id.starts_with("vpce-") && id.len() < 64);
    endpoint.map(str::to_owned).or_else(|| detail.text("sourceIPAddress").and_then(network))
}

/// The address of a record's call, where it is one of the internet and not of an endpoint's VPC.
pub(in crate::domain) fn address_of(detail: &Json) -> Option<IpAddr> {
    let address = detail.text("sourceIPAddress").filter(|_| detail.get("vpcEndpointId").is_none());
    address?.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// The network of a `sourceIPAddress`: `203.0.113.0/24`, `2001:db8::/48`, or `aws` for a service's own name.
pub fn network(address: &str) -> Option<String> {
    let Ok(ip) = address.parse::<IpAddr>() else {
        let of_aws = address == "AWS Internal"
            || address.ends_with(".amazonaws.com")
            || address.ends_with(".amazonaws.com.cn");
        return of_aws.then(|| "aws".to_owned());
    };
    network_around(ip).map(|network| network.to_string())
}

/// The network of an address.
pub(in crate::domain) fn network_around(ip: IpAddr) -> Option<IpNet> {
    let ip = ip.to_canonical();
    let width = if ip.is_ipv4() { WIDTHS.0 } else { WIDTHS.1 };
    IpNet::new(ip, width).ok().map(|network| network.trunc())
}
