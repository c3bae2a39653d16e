/// Reads a Kubernetes quantity (`500m`, `2Gi`, `1e3`) as a plain number.
pub(crate) fn parse(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let text = text.trim();
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = suffix.unwrap_or((text, 1.0));
    number.parse::<f64>().ok().map(|number| number * factor)
}

/// What `resourceFieldRef` shows: the quantity in units of the divisor, rounded up.
pub(super) fn in_units(quantity: &str, divisor: Option<&str>) -> Option<String> {
    let divisor = divisor.filter(|divisor| !divisor.is_empty() && *divisor != "0").unwrap_or("1");
    let units = (parse(quantity)? / parse(divisor)?).ceil();
    Some(format!("{units:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_shown_as_kubernetes_shows_them() {
        assert_eq!(in_units("2Gi", Some("1Mi")).as_deref(), Some("2048"));
        assert_eq!(in_units("500m", None).as_deref(), Some("1"));
        assert_eq!(in_units("1500m", Some("1m")).as_deref(), Some("1500"));
        assert_eq!(in_units("1Gi", Some("0")).as_deref(), Some("1073741824"));
        assert_eq!(in_units("x", None), None);
    }
}
