//! What the name of an instance type says: how many processors, and what computes beside them. Owns reading the name,
//! for what nobody has listed yet; where EC2 itself says how many processors an instance has, that counts.
//!
//! Names: EC2 user guide, "Amazon EC2 instance type naming conventions"; accelerators: "Accelerated computing".

/// What computes in it beside processors, by its family.
pub fn accelerator(instance_type: &str) -> Option<&'static str> {
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
pub fn vcpus(instance_type: &str) -> u32 {
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
pub fn accelerators(instance_type: &str) -> u32 {
    if accelerator(instance_type).is_none() {
        return 0;
    }
    let family = instance_type.split('.').next().unwrap_or_default();
    let size = vcpus(instance_type) / 4;
    let steps = SEVERAL.iter().find(|(name, _)| *name == family).map_or(&[][..], |(_, steps)| steps);
    steps.iter().rev().find(|(from, _)| size >= *from).map_or(1, |(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_familys_letters_say_what_accelerates_it() {
        assert_eq!(accelerator("p5.48xlarge"), Some("GPU"));
        assert_eq!(accelerator("gr6.4xlarge"), Some("GPU"));
        assert_eq!(accelerator("trn1n.32xlarge"), Some("Trainium"));
        // Graviton families end with a g and have no GPU.
        assert_eq!(accelerator("m7g.large"), None);
        assert_eq!(accelerator("hpc7g.4xlarge"), None);
    }

    #[test]
    fn a_name_says_how_much_is_in_it() {
        let all = |name: &str| (vcpus(name), accelerators(name));
        assert_eq!(all("t3.micro"), (2, 0));
        assert_eq!(all("m7i.metal-48xl"), (192, 0));
        assert_eq!(all("p5.48xlarge"), (192, 8));
        assert_eq!(all("g5.16xlarge"), (64, 1));
        assert_eq!(all("g5.12xlarge"), (48, 4));
        assert_eq!(all("g4dn.metal"), (96, 8));
        assert_eq!(all("inf2.xlarge"), (4, 1));
        assert_eq!(all("nonsense"), (0, 0));
    }
}
