//! Where an address is: its country and whose network it is, by databases in MaxMind's format that the user has on disk (GeoLite2 and
//! DB-IP by two files, IPinfo Lite by one). Owns reading these; nothing is asked of anybody, and without a database nothing is said.

use std::fmt::{Debug, Formatter};
use std::net::IpAddr;
use std::path::Path;

use maxminddb::Reader;
use serde::Deserialize;

use crate::config::section::Section;
use crate::domain::text::clean;

/// The largest database that is read: it is kept in memory. GeoLite2's countries and networks have about 10 MB each.
const LARGEST: u64 = 128 << 20;
/// The longest name of a country or network, in characters.
const NAME: usize = 60;

/// The databases as they were read.
#[derive(Default)]
pub struct Geo {
    readers: Vec<Reader<Vec<u8>>>,
}

impl Debug for Geo {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Geo").field("databases", &self.readers.len()).finish()
    }
}

/// What a database may say of an address: GeoLite2's members and IPinfo's (dev.maxmind.com, "GeoLite2"; ipinfo.io, "IPinfo Lite").
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    country: Option<Country<'a>>,
    registered_country: Option<Country<'a>>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
    asn: Option<&'a str>,
    as_name: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Country<'a> {
    Name(&'a str),
    Names {
        iso_code: Option<&'a str>,
        #[serde(borrow)]
        names: Option<Names<'a>>,
    },
}

#[derive(Deserialize)]
struct Names<'a> {
    en: Option<&'a str>,
}

impl Country<'_> {
    fn name(&self) -> Option<&str> {
        match self {
            Country::Name(name) => Some(name),
            Country::Names { iso_code, names } => names.as_ref().and_then(|names| names.en).or(*iso_code),
        }
    }
}

impl Geo {
    /// Reads `database`: a file, or several.
    pub(crate) fn read(mut section: Section<'_>, folder: &Path) -> Self {
        let mut readers = Vec::new();
        for file in section.texts("database") {
            let path = folder.join(&file);
            match open(&path) {
                Ok(reader) => readers.push(reader),
                Err(why) => section.problem("database", format!("{}: {why}", path.display())),
            }
        }
        section.finish();
        Geo { readers }
    }

    /// The country of an address and whose network it is, such as `Romania, AS64500 Example Hosting`; none where no database says it,
    /// or the text is no address.
    pub fn of(&self, address: &str) -> Option<String> {
        let address: IpAddr = address.parse().ok()?;
        let (mut country, mut network) = (None, None);
        for reader in &self.readers {
            let found = reader.lookup(address).and_then(|found| found.decode::<Row<'_>>());
            let Ok(Some(row)) = found else { continue };
            let named = [&row.country, &row.registered_country];
            let named = named.into_iter().flatten().find_map(Country::name);
            country = country.or_else(|| named.map(|name| clean(name, NAME)));
            let number = row.autonomous_system_number.map(|number| format!("AS{number}"));
            let number = number.or_else(|| row.asn.map(|asn| clean(asn, NAME)));
            let owner = row.autonomous_system_organization.or(row.as_name).map(|name| clean(name, NAME));
            let said: Vec<String> = [number, owner].into_iter().flatten().collect();
            network = network.or_else(|| (!said.is_empty()).then(|| said.join(" ")));
        }
        let said: Vec<String> = [country, network].into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}

fn open(path: &Path) -> Result<Reader<Vec<u8>>, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LARGEST {
        return Err(format!(
            "has {} MB, and a database is kept in memory: use a smaller one, of countries or networks alone ({} MB at most)",
            size >> 20,
            LARGEST >> 20
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    Reader::from_source(bytes).map_err(|error| format!("is no database in MaxMind's format (.mmdb): {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geo(files: &[&str]) -> Geo {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/geo");
        Geo { readers: files.iter().map(|file| open(&folder.join(file)).expect("a database")).collect() }
    }

    #[test]
    fn an_address_has_its_country_and_network_by_two_databases_or_by_one() {
        let two = geo(&["country.mmdb", "network.mmdb"]);
        assert_eq!(
            two.of("203.0.113.66").as_deref(),
            Some("Romania, AS64500 Example <!channel> Hosting[31m"),
            "a name is one line without what a terminal obeys; each channel escapes it"
        );
        assert_eq!(two.of("198.51.100.7").as_deref(), Some("South Korea"), "where it is registered");
        assert_eq!(two.of("2001:db8::1").as_deref(), Some("AS64501 Example Six"));
        assert_eq!(
            geo(&["both.mmdb"]).of("203.0.113.66").as_deref(),
            Some("Romania, AS64500 Example Hosting")
        );
    }

    #[test]
    fn what_no_database_knows_is_not_said() {
        let two = geo(&["country.mmdb", "network.mmdb"]);
        for unknown in ["192.0.2.1", "cloudformation.amazonaws.com", "", "203.0.113.66/24"] {
            assert_eq!(two.of(unknown), None, "{unknown}");
        }
        assert_eq!(Geo::default().of("203.0.113.66"), None);
    }

    #[test]
    fn what_is_no_database_says_so() {
        let why = open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).expect_err("refused");
        assert!(why.contains("no database in MaxMind's format"), "{why}");
        assert!(open(Path::new("/nowhere.mmdb")).expect_err("refused").contains("cannot be read"));
    }
}
