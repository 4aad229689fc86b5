//! From where: the network of a source address. Owns how wide a network is.

use std::net::IpAddr;

use ipnet::IpNet;

/// A provider gives a customer another address of the same /24 tomorrow, and a site has an IPv6 /48 (RFC 6177).
const WIDTHS: (u8, u8) = (24, 48);

/// The network of a `sourceIPAddress`: `203.0.113.0/24`, `2001:db8::/48`, or `aws` for a service's own name.
pub fn network(address: &str) -> Option<String> {
    let Ok(ip) = address.parse::<IpAddr>() else {
        let of_aws = address == "AWS Internal"
            || address.ends_with(".amazonaws.com")
            || address.ends_with(".amazonaws.com.cn");
        return of_aws.then(|| "aws".to_owned());
    };
    let ip = ip.to_canonical();
    let width = if ip.is_ipv4() { WIDTHS.0 } else { WIDTHS.1 };
    IpNet::new(ip, width).ok().map(|network| network.trunc().to_string())
}
