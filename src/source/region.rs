//! One region of one account, as it is asked.

use aws_config::{Region, SdkConfig};

use crate::source::skew::Skew;

/// What every client of one account and region shares.
#[derive(Debug, Clone)]
pub struct RegionAccess {
    /// The region's name, such as `eu-west-1`.
    pub region: String,
    pub(super) cloudtrail: aws_sdk_cloudtrail::Client,
    pub(super) ec2: aws_sdk_ec2::Client,
}

impl RegionAccess {
    pub(super) fn new(sdk: &SdkConfig, region: &str, skew: &Skew) -> Self {
        let name = Region::new(region.to_owned());
        let cloudtrail = aws_sdk_cloudtrail::config::Builder::from(sdk)
            .region(name.clone())
            .interceptor(skew.clone())
            .build();
        let ec2 = aws_sdk_ec2::config::Builder::from(sdk).region(name).build();
        RegionAccess {
            region: region.to_owned(),
            cloudtrail: aws_sdk_cloudtrail::Client::from_conf(cloudtrail),
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
        }
    }
}
