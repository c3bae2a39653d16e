//! Distinguished names: as profiles state them, and as people read them.

use rcgen::string::{Ia5String, PrintableString};
use rcgen::{DistinguishedName, DnType, DnValue};
use x509_parser::asn1_rs::ToDer;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::PkiError;

/// Most characters of an organisation or a common name (X.520, `ub-organization-name` and `ub-common-name`).
pub(crate) const LONGEST: usize = 64;

const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
const DOMAIN_COMPONENT: &[u64] = &[0, 9, 2342, 19_200_300, 100, 1, 25];

/// Makes a name of attributes, in this order.
pub(crate) fn distinguished(attributes: &[(String, String)]) -> Result<DistinguishedName, PkiError> {
    let mut name = DistinguishedName::new();
    for (attribute, value) in attributes {
        let refused = |reason| PkiError::Subject { attribute: attribute.clone(), reason };
        if value.is_empty() {
            return Err(refused("is empty"));
        }
        if value.chars().count() > LONGEST {
            return Err(PkiError::NameTooLong { name: value.clone(), n_chars: value.chars().count(), most: LONGEST });
        }
        let kind = attribute_type(attribute).ok_or_else(|| refused("is unknown"))?;
        // The library would keep the last of two and forget the first.
        if name.get(&kind).is_some() {
            return Err(refused("stands twice"));
        }
        let value =
            attribute_value(&kind, value).map_err(|()| refused("has a character that its type does not allow"))?;
        name.push(kind, value);
    }
    Ok(name)
}

fn attribute_type(name: &str) -> Option<DnType> {
    Some(match name.to_ascii_uppercase().as_str() {
        "C" => DnType::CountryName,
        "ST" => DnType::StateOrProvinceName,
        "L" => DnType::LocalityName,
        "O" => DnType::OrganizationName,
        "OU" => DnType::OrganizationalUnitName,
        "CN" => DnType::CommonName,
        "DC" => DnType::CustomDnType(DOMAIN_COMPONENT.to_vec()),
        "SERIALNUMBER" => DnType::CustomDnType(SERIAL_NUMBER.to_vec()),
        _ => return None,
    })
}

/// RFC 5280 gives some attributes a string type of their own; all others are UTF-8.
fn attribute_value(kind: &DnType, value: &str) -> Result<DnValue, ()> {
    Ok(match kind {
        DnType::CountryName => DnValue::PrintableString(PrintableString::try_from(value).map_err(drop)?),
        DnType::CustomDnType(oid) if oid == SERIAL_NUMBER => {
            DnValue::PrintableString(PrintableString::try_from(value).map_err(drop)?)
        }
        DnType::CustomDnType(_) => DnValue::Ia5String(Ia5String::try_from(value).map_err(drop)?),
        _ => DnValue::Utf8String(value.to_owned()),
    })
}

/// Writes a name in the form of RFC 4514: last attribute first, `,` between.
pub(crate) fn rfc4514(name: &X509Name<'_>) -> String {
    let parts: Vec<String> =
        name.iter_rdn().map(|rdn| rdn.iter().map(attribute_text).collect::<Vec<_>>().join("+")).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join(",")
}

fn attribute_text(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type();
    let name = oid2abbrev(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned);
    match attribute.as_str() {
        Ok(value) => format!("{name}={}", escaped(value)),
        Err(_) => format!("{name}=#{}", hex::encode(attribute.attr_value().to_der_vec_raw().unwrap_or_default())),
    }
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (i, c) in value.chars().enumerate() {
        let special = matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\');
        let at_edge = (i == 0 && matches!(c, ' ' | '#')) || (i == last && c == ' ');
        match c {
            '\0' => text.push_str("\\00"),
            _ if special || at_edge => text.extend(['\\', c]),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped_as_the_rfc_says() {
        assert_eq!(escaped("James \"Jim\" Smith, III"), "James \\\"Jim\\\" Smith\\, III");
        assert_eq!(escaped(" # "), "\\ #\\ ");
        assert_eq!(escaped("#1"), "\\#1");
    }

    #[test]
    fn an_attribute_may_stand_once() {
        let twice = [("CN".to_owned(), "a".to_owned()), ("cn".to_owned(), "b".to_owned())];
        assert_eq!(distinguished(&twice).expect_err("twice").to_string(), "subject attribute `cn` stands twice");
        let unknown = [("XY".to_owned(), "a".to_owned())];
        assert_eq!(distinguished(&unknown).expect_err("unknown").to_string(), "subject attribute `XY` is unknown");
    }
}
