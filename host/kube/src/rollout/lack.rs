//! What is not there yet, why, and what cures it.

/// What one target lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lack {
    /// With the object and the reason.
    pub(super) words: String,
    /// Whether waiting alone will not cure it.
    pub(super) is_hopeless: bool,
    pub(super) cure: Cure,
}

/// What cures a lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cure {
    /// Time, as far as is known.
    Wait,
    Image,
    Configuration,
    Crash,
    Nodes,
    StorageClass,
    Quota,
    Admission,
    Address,
}

/// What Kubernetes says, in parts, and what that means.
const SIGNS: [(&str, Cure); 17] = [
    ("exceeded quota", Cure::Quota),
    ("failed calling webhook", Cure::Admission),
    ("admission webhook", Cure::Admission),
    ("violates PodSecurity", Cure::Admission),
    ("is forbidden", Cure::Admission),
    ("no storage class", Cure::StorageClass),
    ("has no class", Cure::StorageClass),
    ("image `", Cure::Image),
    ("InvalidImageName", Cure::Image),
    ("CreateContainerConfigError", Cure::Configuration),
    ("CreateContainerError", Cure::Configuration),
    ("RunContainerError", Cure::Configuration),
    ("ends again and again", Cure::Crash),
    ("ended with status", Cure::Crash),
    ("has no address", Cure::Address),
    ("no node takes it", Cure::Nodes),
    ("volume claim", Cure::Wait),
];

impl Lack {
    /// Reads the cure out of the reason.
    pub(super) fn of(words: String) -> Self {
        let sign = SIGNS.iter().find(|(sign, _)| words.contains(sign));
        let cure = sign.map_or(Cure::Wait, |(_, cure)| *cure);
        Self { is_hopeless: cure.is_lasting(), words, cure }
    }
}

impl Cure {
    /// Whether a person, and not time, brings it. Programs that end may yet find what they wait for, clouds take minutes for
    /// addresses, and clusters grow by nodes.
    fn is_lasting(self) -> bool {
        match self {
            Self::Image | Self::Configuration | Self::StorageClass | Self::Quota | Self::Admission => true,
            Self::Wait | Self::Crash | Self::Nodes | Self::Address => false,
        }
    }

    /// For the operator.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Wait => "cure what was last seen, then run the same command again: it goes on from here",
            Self::Image => {
                "check the image's name and tag and the registry's pull secret, then run the same command again"
            }
            Self::Configuration => {
                "make the Secret or ConfigMap that it names, or correct the values; then run the same command again"
            }
            Self::Crash => {
                "read the end of its log with `kubectl logs POD --previous`, then run the same command again"
            }
            Self::Nodes => "add nodes or lower the requests in the values file, then run the same command again",
            Self::StorageClass => {
                "name a storage class that `kubectl get storageclass` lists in the values file, or make that one"
            }
            Self::Quota => "raise the quota of the namespace, or lower the requests in the values file",
            Self::Admission => {
                "bring up or correct what refuses the pods, or give them what it asks for; then run the same command again"
            }
            Self::Address => {
                "look at the events of that Service: the cloud's load balancer controller, its permissions and its quota of addresses"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_must_cure_ends_the_wait_early() {
        let told = |words: &str| {
            let lack = Lack::of(words.to_owned());
            (lack.cure, lack.is_hopeless)
        };
        assert_eq!(told("pod db-1: main: image `x` not found"), (Cure::Image, true));
        assert_eq!(
            told("pod db-1: db: CreateContainerConfigError: secret \"x\" not found"),
            (Cure::Configuration, true)
        );
        assert_eq!(told("volume claim `d`: no storage class `fast`"), (Cure::StorageClass, true));
        assert_eq!(told("pods \"x\" is forbidden: exceeded quota: small"), (Cure::Quota, true));
        assert_eq!(told("db: ends again and again, last with status 1"), (Cure::Crash, false));
        assert_eq!(told("service `x` has no address yet"), (Cure::Address, false));
        assert_eq!(told("2 of 3 pods of `db` are ready, pod db-2: main: not ready"), (Cure::Wait, false));
    }
}
