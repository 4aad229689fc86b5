//! A region's instances, listed to the last page or not at all.

use aws_sdk_ec2::types::{Instance as Listed, InstanceLifecycleType};
use jiff::Timestamp;

use crate::domain::event::instance::{Instance, State};
use crate::domain::text::clean;
use crate::source::failure::FetchError;
use crate::source::failure::failure;
use crate::source::region::RegionAccess;

/// As many as EC2 gives at once (EC2 API reference).
const PAGE: i32 = 1000;
/// More pages than any region has; a token that never ends must not hold the list for ever.
const PAGES: usize = 1000;

impl RegionAccess {
    /// Lists every instance, those that AWS manages included: hidden ones are billed too.
    ///
    /// # Errors
    /// When any page is missing: half a list would look like the end of the other half.
    pub async fn list_instances(&self) -> Result<Vec<Instance>, FetchError> {
        let mut instances = Vec::new();
        let mut token = None;
        for _ in 0..PAGES {
            let page = self
                .ec2
                .describe_instances()
                .include_managed_resources(true)
                .max_results(PAGE)
                .set_next_token(token)
                .customize()
                .config_override(self.ec2_here())
                .send()
                .await
                .map_err(failure)?;
            for reservation in page.reservations() {
                for listed in reservation.instances() {
                    let reservation = reservation.reservation_id().map(str::to_owned);
                    instances.push(Instance { reservation, ..instance(listed)? });
                }
            }
            token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(instances);
            }
        }
        Err(FetchError::Malformed("the list of instances is endless".to_owned()))
    }
}

fn instance(listed: &Listed) -> Result<Instance, FetchError> {
    let id = listed.instance_id().ok_or_else(|| FetchError::Malformed("an instance has no id".to_owned()))?;
    // The high byte of the code is AWS's own (EC2 API reference, InstanceState).
    let code = listed.state().and_then(|state| state.code()).map(|code| code & 0xff);
    let state = match code {
        Some(0) => State::Pending,
        Some(16) => State::Running,
        Some(32) => State::ShuttingDown,
        Some(48) => State::Terminated,
        Some(64) => State::Stopping,
        Some(80) => State::Stopped,
        other => {
            return Err(FetchError::Malformed(format!(
                "instance {} has the unknown state code {other:?}",
                clean(id, 40)
            )));
        }
    };
    let text = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
    Ok(Instance {
        id: id.to_owned(),
        state,
        instance_type: listed.instance_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        launch_time: listed.launch_time().and_then(|time| Timestamp::from_second(time.secs()).ok()),
        image: text(listed.image_id()),
        key_name: text(listed.key_name()),
        public_address: text(listed.public_ip_address()),
        lifecycle: listed.instance_lifecycle().map(InstanceLifecycleType::as_str).map(str::to_owned),
        profile: text(listed.iam_instance_profile().and_then(|profile| profile.arn())),
        reservation: None,
        vcpus: listed.cpu_options().and_then(|cpu| {
            let each = cpu.threads_per_core().unwrap_or(1);
            u32::try_from(cpu.core_count()?.checked_mul(each)?).ok()
        }),
        tags: listed
            .tags()
            .iter()
            .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
            .collect(),
    })
}
