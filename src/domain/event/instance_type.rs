//! What is in an instance type: processors, memory, what computes beside them, and about what it costs. Owns the table of what EC2 itself says, and
//! the guess by its name for a type that is newer than the table; where EC2 says how many processors an instance has, that counts.
//!
//! The table (`instance_types.tsv`) is what EC2's `DescribeInstanceTypes` answers, as shipped with moto 5 in 2026; p2, p3, g2,
//! g3, g4ad, f1 and dl1 are from the EC2 user guide, "Accelerated computing". To make it anew: `aws ec2
//! describe-instance-types` in a large region, and of each type `VCpuInfo.DefaultVCpus`, `MemoryInfo.SizeInMiB` / 1024, and of
//! the first of `GpuInfo`, `InferenceAcceleratorInfo`, `NeuronInfo`, `FpgaInfo`, `MediaAcceleratorInfo` the count, `x`, a
//! blank, manufacturer and name; sorted by type in the order of bytes. The prices are those of AWS's public price list of
//! 2026-07-20, on demand, Linux, us-east-1, as published in the Karpenter AWS provider's table; other regions differ by -2 % to
//! +60 %, so that a price from here is "about".
//!
//! Names: EC2 user guide, "Amazon EC2 instance type naming conventions"; accelerators: "Accelerated computing".

use std::sync::LazyLock;

const TABLE: &str = include_str!("instance_types.tsv");

static TYPES: LazyLock<Vec<(&str, Spec)>> = LazyLock::new(|| {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| {
        let mut columns = line.split('\t');
        let name = columns.next()?;
        let vcpus: Option<u32> = columns.next()?.parse().ok();
        let memory = columns.next()?.parse().ok();
        let (accelerators, model) = columns.next().and_then(|cell| cell.split_once("x ")).unzip();
        let spec = Spec {
            vcpus: vcpus.unwrap_or_else(|| guessed_vcpus(name)),
            memory_gib: memory,
            accelerators: accelerators.and_then(|count| count.parse().ok()).unwrap_or(0),
            accelerator: model.map(kind),
            usd_per_hour: columns.next().and_then(|price| price.parse().ok()),
            guessed: vcpus.is_none(),
        };
        Some((name, spec))
    })
    .collect()
});

/// What is in an instance type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Virtual processors; 0 where nothing can be said.
    pub vcpus: u32,
    /// Memory in GiB, where it is known.
    pub memory_gib: Option<f64>,
    /// How many GPUs or other accelerators it has.
    pub accelerators: u32,
    /// What kind they are: `GPU`, `Trainium`, `Inferentia`, ….
    pub accelerator: Option<&'static str>,
    /// About what an hour of it costs in US dollars; see the table. None where nobody says.
    pub usd_per_hour: Option<f64>,
    /// The table does not have what is in the type: this is what its name suggests.
    pub guessed: bool,
}

/// What is in a type, by its name.
pub fn spec(instance_type: &str) -> Spec {
    let known = TYPES.binary_search_by(|(name, _)| (*name).cmp(instance_type));
    match known.ok().and_then(|at| TYPES.get(at)) {
        Some((_, spec)) => *spec,
        None => Spec {
            vcpus: guessed_vcpus(instance_type),
            memory_gib: None,
            accelerators: guessed_accelerators(instance_type),
            accelerator: guessed_accelerator(instance_type),
            usd_per_hour: None,
            guessed: true,
        },
    }
}

/// The kind of an accelerator, by its maker and name.
fn kind(model: &str) -> &'static str {
    match model {
        _ if model.contains("Trainium") => "Trainium",
        _ if model.contains("Inferentia") => "Inferentia",
        _ if model.starts_with("NVIDIA") || model.starts_with("AMD") => "GPU",
        _ if model.contains("U30") => "video transcoder",
        _ if model.starts_with("Xilinx") => "FPGA",
        _ => "deep learning accelerator",
    }
}

/// What computes in it beside processors, by its family.
fn guessed_accelerator(instance_type: &str) -> Option<&'static str> {
    match letters(instance_type) {
        "p" | "g" | "gr" => Some("GPU"),
        "trn" => Some("Trainium"),
        "inf" => Some("Inferentia"),
        "dl" => Some("deep learning accelerator"),
        "vt" => Some("video transcoder"),
        "f" => Some("FPGA"),
        _ => None,
    }
}

fn letters(instance_type: &str) -> &str {
    instance_type.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default()
}

/// Its virtual processors as far as the size's name says; a metal one counts as 96.
fn guessed_vcpus(instance_type: &str) -> u32 {
    let size = instance_type.split_once('.').map_or("", |(_, size)| size);
    match size {
        "nano" | "micro" | "small" | "medium" => 2,
        "large" => 2,
        "xlarge" => 4,
        _ if size.starts_with("metal") => size
            .strip_prefix("metal-")
            .and_then(|size| size.strip_suffix("xl"))
            .and_then(|n| n.parse().ok())
            .map_or(96, |n: u32| n * 4),
        _ => size.strip_suffix("xlarge").and_then(|n| n.parse::<u32>().ok()).map_or(0, |n| n * 4),
    }
}

/// Families of which one instance has several accelerators: from which size on, and how many. What is not listed has
/// one.
const SEVERAL: [(&str, &[(u32, u32)]); 23] = [
    ("f1", &[(4, 2), (16, 8)]),
    ("f2", &[(12, 2), (48, 8)]),
    ("g2", &[(8, 4)]),
    ("g3", &[(8, 2), (16, 4)]),
    ("g4ad", &[(8, 2), (16, 4)]),
    ("g4dn", &[(12, 4), (24, 8)]),
    ("g5", &[(12, 4), (16, 1), (24, 4), (48, 8)]),
    ("g5g", &[(16, 2)]),
    ("g6", &[(12, 4), (16, 1), (24, 4), (48, 8)]),
    ("g6e", &[(12, 4), (16, 1), (24, 4), (48, 8)]),
    ("inf1", &[(6, 4), (24, 16)]),
    ("inf2", &[(24, 6), (48, 12)]),
    ("p2", &[(8, 8), (16, 16)]),
    ("p3", &[(8, 4), (16, 8)]),
    ("p3dn", &[(24, 8)]),
    ("p4d", &[(24, 8)]),
    ("p4de", &[(24, 8)]),
    ("p5", &[(4, 1), (48, 8)]),
    ("p5e", &[(48, 8)]),
    ("p5en", &[(48, 8)]),
    ("trn1", &[(32, 16)]),
    ("trn1n", &[(32, 16)]),
    ("trn2", &[(48, 16)]),
];

/// How many accelerators it has.
fn guessed_accelerators(instance_type: &str) -> u32 {
    if guessed_accelerator(instance_type).is_none() {
        return 0;
    }
    let family = instance_type.split('.').next().unwrap_or_default();
    let size = guessed_vcpus(instance_type) / 4;
    let steps = SEVERAL.iter().find(|(name, _)| *name == family).map_or(&[][..], |(_, steps)| steps);
    steps.iter().rev().find(|(from, _)| size >= *from).map_or(1, |(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str) -> (u32, u32, Option<&str>, bool) {
        let spec = spec(name);
        (spec.vcpus, spec.accelerators, spec.accelerator, spec.guessed)
    }

    #[test]
    fn what_ec2_says_of_a_type_goes_before_what_its_name_suggests() {
        assert_eq!(all("t3.micro"), (2, 0, None, false));
        // By its name it would have two.
        assert_eq!(all("m7g.medium"), (1, 0, None, false));
        assert_eq!(all("p5.48xlarge"), (192, 8, Some("GPU"), false));
        assert_eq!(all("g5.12xlarge"), (48, 4, Some("GPU"), false));
        assert_eq!(all("inf2.xlarge"), (4, 1, Some("Inferentia"), false));
        assert_eq!(all("trn1.32xlarge").2, Some("Trainium"));
        assert_eq!(all("f1.2xlarge").2, Some("FPGA"));
        assert_eq!(all("vt1.3xlarge").2, Some("video transcoder"));
        assert_eq!(all("dl1.24xlarge").2, Some("deep learning accelerator"));
    }

    #[test]
    fn the_table_is_whole_and_in_order() {
        assert!(TYPES.len() > 1_300, "{}", TYPES.len());
        assert!(TYPES.is_sorted_by_key(|(name, _)| *name));
        let rows = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows, TYPES.len(), "a row that cannot be read is left out");
    }

    #[test]
    fn a_type_that_the_table_lacks_is_guessed_and_says_so() {
        assert_eq!(all("p9.48xlarge"), (192, 1, Some("GPU"), true));
        assert_eq!(all("m99i.metal-48xl"), (192, 0, None, true));
        // Graviton families end with a g and have no GPU.
        assert_eq!(all("m99g.large"), (2, 0, None, true));
        assert_eq!(all("nonsense"), (0, 0, None, true));
    }
}
