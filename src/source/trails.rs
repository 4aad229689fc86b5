//! The trails of a region, whether they log there, and what they record. Owns asking for these; what follows from them is
//! `domain::trails`'s. The daemon never asks: it needs three permissions more, which `doctor` alone wants.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::types::{AdvancedEventSelector, AdvancedFieldSelector, EventSelector, ReadWriteType};

use crate::domain::json::{Json, object};
use crate::domain::trails::Trail;
use crate::domain::trails::selectors::Selectors;
use crate::source::failure::FetchError;
use crate::source::failure::failure;
use crate::source::region::RegionAccess;

impl RegionAccess {
    /// The trails that record in this region, those of other regions and of the organization among them. In which regions
    /// they log, and what they record, is not known yet.
    ///
    /// # Errors
    /// When AWS does not say.
    pub async fn trails(&self) -> Result<Vec<Trail>, FetchError> {
        let answer = self
            .cloudtrail
            .describe_trails()
            .include_shadow_trails(true)
            .customize()
            .config_override(self.cloudtrail_here())
            .send()
            .await
            .map_err(failure)?;
        let trails = answer.trail_list().iter().filter_map(|trail| {
            Some(Trail {
                arn: trail.trail_arn()?.to_owned(),
                name: trail.name().unwrap_or_default().to_owned(),
                home: trail.home_region().unwrap_or(&self.region).to_owned(),
                multi_region: trail.is_multi_region_trail().unwrap_or(false),
                organization: trail.is_organization_trail().unwrap_or(false),
                global_events: trail.include_global_service_events().unwrap_or(false),
                logging: BTreeSet::new(),
                selectors: Selectors::default(),
            })
        });
        Ok(trails.collect())
    }

    /// Whether a trail logs in this region. The ARN is asked for: of another region's trail the name is not known here
    /// (CloudTrail API reference, "GetTrailStatus").
    ///
    /// # Errors
    /// When AWS does not say.
    pub async fn is_logging(&self, arn: &str) -> Result<bool, FetchError> {
        let status = self
            .cloudtrail
            .get_trail_status()
            .name(arn)
            .customize()
            .config_override(self.cloudtrail_here())
            .send()
            .await
            .map_err(failure)?;
        Ok(status.is_logging().unwrap_or(false))
    }

    /// What a trail records.
    ///
    /// # Errors
    /// When AWS does not say.
    pub async fn selectors(&self, arn: &str) -> Result<Selectors, FetchError> {
        let answer = self
            .cloudtrail
            .get_event_selectors()
            .trail_name(arn)
            .customize()
            .config_override(self.cloudtrail_here())
            .send()
            .await
            .map_err(failure)?;
        Ok(Selectors {
            basic: answer.event_selectors().iter().map(basic).collect(),
            advanced: answer.advanced_event_selectors().iter().map(advanced).collect(),
        })
    }
}

fn texts(texts: &[String]) -> Json {
    Json::Array(texts.iter().map(|text| text.as_str().into()).collect())
}

fn basic(selector: &EventSelector) -> Json {
    let data = selector.data_resources().iter().map(|resource| {
        object([("Type", resource.r#type().unwrap_or_default().into()), ("Values", texts(resource.values()))])
    });
    object([
        ("ReadWriteType", selector.read_write_type().map_or("All", ReadWriteType::as_str).into()),
        ("IncludeManagementEvents", selector.include_management_events().unwrap_or(true).into()),
        ("DataResources", Json::Array(data.collect())),
        ("ExcludeManagementEventSources", texts(selector.exclude_management_event_sources())),
    ])
}

fn advanced(selector: &AdvancedEventSelector) -> Json {
    let fields = selector.field_selectors().iter().map(field).collect();
    let name = selector.name().map(|name| ("Name".to_owned(), Json::from(name)));
    let members = name.into_iter().chain([("FieldSelectors".to_owned(), Json::Array(fields))]);
    Json::Object(members.collect())
}

fn field(selector: &AdvancedFieldSelector) -> Json {
    let operators = [
        ("Equals", selector.equals()),
        ("StartsWith", selector.starts_with()),
        ("EndsWith", selector.ends_with()),
        ("NotEquals", selector.not_equals()),
        ("NotStartsWith", selector.not_starts_with()),
        ("NotEndsWith", selector.not_ends_with()),
    ];
    let set = operators.into_iter().filter(|(_, values)| !values.is_empty());
    let set = set.map(|(operator, values)| (operator.to_owned(), texts(values)));
    Json::Object(std::iter::once(("Field".to_owned(), Json::from(selector.field()))).chain(set).collect())
}
