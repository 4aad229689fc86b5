//! One region of one account, as it is asked. Owns that an account has one client of each service for all its regions: seventeen
//! clients of each are half of what an account takes of memory.

use aws_config::{Region, SdkConfig};

use crate::source::skew::Skew;

/// The clients of an account.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    cloudtrail: aws_sdk_cloudtrail::Client,
    ec2: aws_sdk_ec2::Client,
}

impl Clients {
    pub fn new(sdk: &SdkConfig, skew: &Skew) -> Self {
        let cloudtrail = aws_sdk_cloudtrail::config::Builder::from(sdk).interceptor(skew.clone()).build();
        Clients {
            cloudtrail: aws_sdk_cloudtrail::Client::from_conf(cloudtrail),
            ec2: aws_sdk_ec2::Client::new(sdk),
        }
    }
}

/// How one region of an account is asked. Each request says its region itself.
#[derive(Debug, Clone)]
pub struct RegionAccess {
    /// The region's name, such as `eu-west-1`.
    pub region: String,
    pub(super) cloudtrail: aws_sdk_cloudtrail::Client,
    pub(super) ec2: aws_sdk_ec2::Client,
}

impl RegionAccess {
    pub(super) fn new(clients: Clients, region: &str) -> Self {
        let Clients { cloudtrail, ec2 } = clients;
        RegionAccess { region: region.to_owned(), cloudtrail, ec2 }
    }

    /// What makes a request to CloudTrail one of this region.
    pub(super) fn cloudtrail_here(&self) -> aws_sdk_cloudtrail::config::Builder {
        aws_sdk_cloudtrail::Config::builder().region(Region::new(self.region.clone()))
    }

    /// What makes a request to EC2 one of this region.
    pub(super) fn ec2_here(&self) -> aws_sdk_ec2::config::Builder {
        aws_sdk_ec2::Config::builder().region(Region::new(self.region.clone()))
    }
}
