//! A value that is remembered, as sixteen bytes made from it. Owns how they are made: what is remembered has one small size, and
//! says nothing by itself.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use uuid::Uuid;

use crate::domain::context::Habit;

/// A value that is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token {
    /// Values of one kind stand together.
    pub kind: u8,
    /// Made from the account and the value.
    pub id: [u8; 16],
}

/// Its bytes are hashes already, or begin with one: no more than joining them is needed.
impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (front, back) = self.halves();
        state.write_u64(u64::from_le_bytes(front) ^ u64::from_le_bytes(back) ^ u64::from(self.kind));
    }
}

/// The first kind of the habits that principals have of their own; each habit has [`SHARES`] kinds.
const OWN: u8 = 10;
/// So many kinds hold the values of one habit of principals, of whom there are more than values in an account.
const SHARES: u8 = 4;
const RULE: u8 = 100;
const KEY: u8 = 101;
const VOUCHED: u8 = 102;
const ROAMING: u8 = 103;
const USED: u8 = 104;
const PERSON: u8 = 105;
const HOME: u8 = 106;

impl Token {
    fn of(kind: u8, parts: &[&str]) -> Self {
        let text = parts.join("\u{1f}");
        Token { kind, id: *Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).as_bytes() }
    }

    /// The value of a habit in an account.
    pub fn habit(account: &str, habit: Habit, value: &str) -> Self {
        Token::of(habit as u8, &[account, value])
    }

    /// The values that a rule asks for.
    pub fn rule(account: &str, rule: &str, values: &[&str]) -> Self {
        Token::of(RULE, &[&[account, rule], values].concat())
    }

    /// The creation of an access key.
    pub fn key(key: &str) -> Self {
        Token::of(KEY, &[key])
    }

    /// A person of whom only the name is known.
    pub fn person(account: &str, name: &str) -> Self {
        Token::of(PERSON, &[account, name])
    }

    /// That an access key was used.
    #[must_use]
    pub fn used(self) -> Self {
        Token { kind: USED, ..self }
    }

    /// The value of a habit, as that of this one alone: a principal, or a key.
    #[must_use]
    pub fn own(self, habit: Habit, value: Token) -> Self {
        let id = self.with(value);
        Token { kind: OWN + habit as u8 * SHARES + id[15] % SHARES, id }
    }

    /// That a network is vouched for, by who signed in from it with a second factor.
    #[must_use]
    pub fn vouched(self, network: Token) -> Self {
        Token { kind: VOUCHED, id: self.with(network) }
    }

    /// That this one is known from a network: unlike all others, a token that the network can be read from.
    #[must_use]
    pub fn home(self, network: IpNet) -> Self {
        let (mut id, width) = (self.id, network.prefix_len());
        let bytes: &[u8] = match network.addr() {
            IpAddr::V4(address) => &address.octets(),
            IpAddr::V6(address) => &address.octets(),
        };
        let named = [width].into_iter().chain(bytes.iter().copied());
        id.iter_mut().skip(8).zip(named.chain([0; 8])).for_each(|(byte, part)| *byte = part);
        Token { kind: HOME, id }
    }

    /// Whose home a token names, and the network; none where it names none.
    pub fn as_home(&self) -> Option<(u64, IpNet)> {
        let [width, a, b, c, d, e, f, g] = self.halves().1;
        let address: IpAddr = match width {
            33.. => Ipv6Addr::from([a, b, c, d, e, f, g, 0, 0, 0, 0, 0, 0, 0, 0, 0]).into(),
            _ => Ipv4Addr::from([a, b, c, d]).into(),
        };
        let network = IpNet::new(address, width).ok().filter(|_| self.kind == HOME)?;
        Some((self.whose_home(), network))
    }

    /// What all homes of this one begin with.
    pub fn whose_home(&self) -> u64 {
        u64::from_be_bytes(self.halves().0)
    }

    fn halves(&self) -> ([u8; 8], [u8; 8]) {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.id;
        ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p])
    }

    /// That this one came from a new network in a week, counted since 1970.
    #[must_use]
    pub fn roaming(self, week: i64) -> Self {
        let mut id = self.id;
        id.iter_mut().skip(8).zip(week.to_be_bytes()).for_each(|(byte, other)| *byte ^= other);
        Token { kind: ROAMING, id }
    }

    /// Both together: bytes of a hash joined with bytes of another. Whoever wants two pairs that are alike has 2^61 to try.
    fn with(self, other: Token) -> [u8; 16] {
        let mut id = self.id;
        id.iter_mut().zip(other.id.iter().cycle().skip(5)).for_each(|(byte, other)| *byte ^= other);
        id
    }
}
