//! Values of the contracts from JSON, in the contract's own spelling.
//!
//! Field, case and enum names are those of the WIT text (`after-ms`, `put-secret`); a case without payload is a string,
//! one with a payload an object of one key. Absent optional fields are none, unknown fields an error. A list of bytes
//! may be written as a string.

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess,
    Visitor, value::StrDeserializer,
};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// Reads one value.
///
/// # Errors
///
/// The first thing that does not fit the type.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    T::deserialize(Json(value))
}

/// JSON in the spelling of WIT.
#[derive(Clone, Copy)]
struct Json<'a>(&'a Value);

impl<'de> Deserializer<'de> for Json<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items(items.iter())),
            Value::Object(_) => Err(Error::custom("unexpected object")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_seq(Bytes(text.bytes())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Object(object) = self.0 else {
            return Err(Error::custom(format_args!("expected an object for `{}`", kebab(name))));
        };
        let entries = object
            .iter()
            .map(|(key, value)| {
                let field = fields.iter().find(|field| kebab(field) == *key);
                field
                    .map(|field| (*field, value))
                    .ok_or_else(|| Error::custom(format_args!("`{}` has no field `{key}`", kebab(name))))
            })
            .collect::<Result<Vec<_>, _>>()?;
        visitor.visit_map(Fields { entries: entries.into_iter(), value: None })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (key, payload) = match self.0 {
            Value::String(key) => (key, None),
            Value::Object(object) if object.len() == 1 => {
                object.iter().next().map(|(key, payload)| (key, Some(payload))).expect("an object of one key")
            }
            _ => return Err(Error::custom(format_args!("expected one case of `{}`", kebab(name)))),
        };
        let Some(variant) = variants.iter().find(|variant| kebab(variant) == *key) else {
            return Err(Error::custom(format_args!("`{}` has no case `{key}`", kebab(name))));
        };
        visitor.visit_enum(Case { variant, payload })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'a>(std::slice::Iter<'a, Value>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(Json(item))).transpose()
    }
}

struct Bytes<'a>(std::str::Bytes<'a>);

impl<'de> SeqAccess<'de> for Bytes<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        use serde::de::IntoDeserializer as _;
        self.0.next().map(|byte| seed.deserialize(byte.into_deserializer())).transpose()
    }
}

struct Fields<'a> {
    entries: std::vec::IntoIter<(&'static str, &'a Value)>,
    value: Option<&'a Value>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((field, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(StrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Json(self.value.take().expect("a value is asked for after its key")))
    }
}

struct Case<'a> {
    variant: &'static str,
    payload: Option<&'a Value>,
}

impl<'de> EnumAccess<'de> for Case<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(StrDeserializer::<Error>::new(self.variant))?, self))
    }
}

impl<'de> VariantAccess<'de> for Case<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.payload {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(Error::custom(format_args!("case `{}` carries nothing", kebab(self.variant)))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Json(self.payload.unwrap_or(&Value::Null)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        Json(self.payload.unwrap_or(&Value::Null)).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        Json(self.payload.unwrap_or(&Value::Null)).deserialize_struct(self.variant, fields, visitor)
    }
}

/// A Rust name of the bindings in the spelling of WIT: `AcceptedBy` and `after_ms` become `accepted-by` and `after-ms`.
fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (i, c) in name.chars().enumerate() {
        match c {
            '_' => out.push('-'),
            c if c.is_ascii_uppercase() => {
                if i > 0 {
                    out.push('-');
                }
                out.push(c.to_ascii_lowercase());
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::infra_provider::{Progress, Workspace};
    use crate::pooling_strategy::{AcknowledgementKind, Action, Decision, KeyAlgorithm, SecretSource};

    #[test]
    fn names_are_those_of_the_contract() {
        let decision: Decision = from_value(&json!({"steps": [{
            "key": "k", "title": "t", "requires": [], "deadline-ms": 5, "phase": "p",
            "action": {"put-secret": {"name": "s", "files": [["ca.crt", {"bundle": ["aa"]}]]}},
        }]}))
        .expect("a decision");
        let Decision::Steps(steps) = decision else { panic!("steps, not {decision:?}") };
        assert_eq!(steps[0].deadline_ms, 5);
        assert!(steps[0].verify.is_none());
        let Action::PutSecret(put) = &steps[0].action else { panic!("put-secret, not {:?}", steps[0].action) };
        assert_eq!(put.files, [("ca.crt".to_owned(), SecretSource::Bundle(vec!["aa".to_owned()]))]);
    }

    #[test]
    fn cases_without_payload_are_strings_and_tuples_are_lists() {
        assert_eq!(from_value::<KeyAlgorithm>(&json!("ecdsa-p256")).expect("an algorithm"), KeyAlgorithm::EcdsaP256);
        let kind: AcknowledgementKind = from_value(&json!({"accepted-by": ["uss2", "aa"]})).expect("a kind");
        assert_eq!(kind, AcknowledgementKind::AcceptedBy(("uss2".into(), "aa".into())));
    }

    #[test]
    fn bytes_may_be_text() {
        let workspace: Workspace = from_value(&json!({
            "files": [["main.tf", "x"]], "providers": [], "credentials": [], "precious": []
        }))
        .expect("a workspace");
        assert_eq!(workspace.files, [("main.tf".to_owned(), b"x".to_vec())]);
    }

    #[test]
    fn an_unknown_field_and_an_unknown_case_are_errors() {
        let poll = json!({"poll": {"after-ms": 1, "token": "", "message": "", "x": 1}});
        assert_eq!(from_value::<Progress>(&poll).expect_err("unknown field").to_string(), "`poll` has no field `x`");
        let error = from_value::<Progress>(&json!("later")).expect_err("unknown case");
        assert_eq!(error.to_string(), "`progress` has no case `later`");
    }
}
