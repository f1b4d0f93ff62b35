//! Deserializes a JSON value into a type. An error names the place that does not fit.
//!
//! The compiler generates code for each type and each kind of source. So arguments, configuration, embedded
//! texts and records of the log are converted to one kind of source first, which makes the binary smaller.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IgnoredAny,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

use super::alike::meant;

/// Deserializes a value.
///
/// # Errors
///
/// The value does not fit the type.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Misfit> {
    T::deserialize(Source(value))
}

/// Deserializes a YAML text.
///
/// # Errors
///
/// The text is not YAML, has a key twice, or does not fit the type. The message has place, reason, line and
/// column.
pub fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // An editor may begin the file with a byte order mark, which the parser takes for a document.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Document(value) = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    from_value(value).map_err(|misfit| {
        let at = misfit.in_yaml(text).map(|(line, column)| format!(" at line {line} column {column}"));
        // The reason already names an unknown key.
        let steps = match misfit.0.steps.as_slice() {
            [Step::Unfit(_), above @ ..] => above,
            steps => steps,
        };
        let place = Some(shown(steps)).filter(|place| !place.is_empty());
        let place = place.map_or_else(String::new, |place| place + ": ");
        format!("{place}{misfit}{}", at.unwrap_or_default())
    })
}

fn shown(steps: &[Step]) -> String {
    let mut place = String::new();
    for step in steps.iter().rev() {
        match step {
            Step::Key(key) | Step::Unfit(key) if place.is_empty() => place.push_str(key),
            Step::Key(key) | Step::Unfit(key) => place.push_str(&format!(".{key}")),
            Step::Index(index) => place.push_str(&format!("[{index}]")),
        }
    }
    place
}

/// A value that does not fit its type.
#[derive(Debug)]
pub struct Misfit(Box<Inner>);

#[derive(Debug)]
struct Inner {
    said: String,
    /// The steps to the place of the misfit, the last one first.
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
    /// A key that is itself the misfit.
    Unfit(String),
}

impl Misfit {
    /// The place, like `votes[2].answer`; `.` for the value itself.
    pub fn place(&self) -> String {
        let place = shown(&self.0.steps);
        if place.is_empty() { ".".to_owned() } else { place }
    }

    /// The line and column of the place in the YAML text that the value was read from.
    pub fn in_yaml(&self, text: &str) -> Option<(usize, usize)> {
        let way = Way(self.0.steps.as_slice());
        let at = way.deserialize(serde_yaml::Deserializer::from_str(text)).err()?.location()?;
        Some((at.line(), at.column()))
    }

    #[cold]
    fn below(mut self, step: Step) -> Self {
        self.0.steps.push(step);
        self
    }

    #[cold]
    fn below_key(self, key: &str) -> Self {
        self.below(Step::Key(key.to_owned()))
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.said)
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<T: fmt::Display>(said: T) -> Self {
        Self(Box::new(Inner { said: said.to_string(), steps: Vec::new() }))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("must be {} (got {})", wanted(expected), got(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(count: usize, expected: &dyn Expected) -> Self {
        Self::custom(format!("must be {} (got {count} entries)", wanted(expected)))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::custom(format!("must be one of {} (got {variant:?})", known.join(", ")))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let meant = meant(known.iter().copied(), field);
        let rest = meant.map_or_else(
            || format!("known: {}", known.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        Self::custom(format!("unknown key `{field}`; {rest}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("`{field}` is missing"))
    }
}

/// The expected type in words for a person who does not know the code.
fn wanted(expected: &dyn Expected) -> String {
    let name = expected.to_string();
    let words = match name.as_str() {
        "u8" => "a whole number, 0 to 255",
        "u16" => "a whole number, 0 to 65535",
        "u32" => "a whole number, 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" | "map" => "an object",
        "variant identifier" => "a name",
        nonzero if nonzero.starts_with("a nonzero ") => "a whole number, 1 or more",
        record if record.starts_with("struct ") => "an object",
        _ => return name,
    };
    words.to_owned()
}

fn got(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(flag) => flag.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    }
}

#[cold]
fn wrong_type(found: &Value, expected: &dyn Expected) -> Misfit {
    Misfit::invalid_type(
        match found {
            Value::Null => Unexpected::Unit,
            Value::Bool(found) => Unexpected::Bool(*found),
            Value::Number(found) => match (found.as_u64(), found.as_i64()) {
                (Some(found), _) => Unexpected::Unsigned(found),
                (None, Some(found)) => Unexpected::Signed(found),
                (None, None) => Unexpected::Float(found.as_f64().unwrap_or_default()),
            },
            Value::String(found) => Unexpected::Str(found),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        },
        expected,
    )
}

fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Misfit> {
    if let Some(number) = number.as_u64() {
        visitor.visit_u64(number)
    } else if let Some(number) = number.as_i64() {
        visitor.visit_i64(number)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or_default())
    }
}

fn list<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, Misfit> {
    let count = items.len();
    let mut list = List { items: items.into_iter(), next: 0 };
    let read = visitor.visit_seq(&mut list)?;
    if list.items.len() > 0 {
        return Err(Misfit::invalid_length(count, &"a shorter list"));
    }
    Ok(read)
}

fn map<'de, V: Visitor<'de>>(fields: Map<String, Value>, visitor: V) -> Result<V::Value, Misfit> {
    let count = fields.len();
    let mut fields = Fields { rest: fields.into_iter(), value: None };
    let read = visitor.visit_map(&mut fields)?;
    if fields.rest.len() > 0 {
        return Err(Misfit::invalid_length(count, &"an object with fewer keys"));
    }
    Ok(read)
}

/// Any YAML document without duplicate keys.
struct Document(Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Anything).map(Self)
    }
}

struct Anything;

macro_rules! scalars {
    ($($method:ident($type:ty))*) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<Value, E> {
            Ok(value.into())
        })*
    };
}

impl<'de> Visitor<'de> for Anything {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON has too")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    /// An empty text is null.
    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    scalars!(visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f64(f64) visit_str(&str));

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Document(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((key, Document(value))) = map.next_entry::<String, _>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` occurs twice")));
            }
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}

/// The steps to a place in a document, the last one first. Deserializing fails on purpose at that place,
/// since only errors have a line and column.
struct Way<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Way<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Way<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("nothing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Step::Index(index), rest)) = self.0.split_last() else {
            return Err(A::Error::custom("here"));
        };
        for _ in 0..*index {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Way(rest)).map(drop)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((step @ (Step::Key(key) | Step::Unfit(key)), rest)) = self.0.split_last() else {
            return Err(A::Error::custom("here"));
        };
        let is_end = matches!(step, Step::Unfit(_));
        while let Some(is_found) = map.next_key_seed(Wanted { key, is_end })? {
            if is_found {
                return map.next_value_seed(Way(rest));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// A key on the way to a place. Deserializing it fails on purpose if it is the last step.
struct Wanted<'a> {
    key: &'a str,
    is_end: bool,
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<bool, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Wanted<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<bool, E> {
        let is_found = found == self.key;
        if is_found && self.is_end { Err(E::custom("here")) } else { Ok(is_found) }
    }
}

/// A value to deserialize from.
pub struct Source(pub Value);

/// Methods for one kind of value. A type that takes only this kind needs no code for the others.
macro_rules! only {
    ($kind:pat => $read:expr, $visitor:ident, $($method:ident($($name:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($name: $type,)* $visitor: V) -> Result<V::Value, Misfit> {
            match self.0 {
                $kind => $read,
                other => Err(wrong_type(&other, &$visitor)),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Source {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(value) => number(&value, visitor),
            Value::String(value) => visitor.visit_string(value),
            Value::Array(items) => list(items, visitor),
            Value::Object(fields) => map(fields, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(variant(self.0)?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    only!(Value::Bool(value) => visitor.visit_bool(value), visitor, deserialize_bool());
    only!(Value::Number(value) => number(&value, visitor), visitor,
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64());
    only!(Value::String(value) => visitor.visit_string(value), visitor,
        deserialize_char() deserialize_str() deserialize_string() deserialize_identifier()
        deserialize_bytes() deserialize_byte_buf());
    only!(Value::Null => visitor.visit_unit(), visitor,
        deserialize_unit() deserialize_unit_struct(_name: &'static str));
    only!(Value::Array(items) => list(items, visitor), visitor,
        deserialize_seq() deserialize_tuple(_len: usize)
        deserialize_tuple_struct(_name: &'static str, _len: usize));
    only!(Value::Object(fields) => map(fields, visitor), visitor,
        deserialize_map() deserialize_struct(_name: &'static str, _fields: &'static [&'static str]));
}

struct List {
    items: std::vec::IntoIter<Value>,
    next: usize,
}

impl<'de> SeqAccess<'de> for &mut List {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(Source(item)).map(Some).map_err(|misfit| misfit.below(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Fields {
    rest: serde_json::map::IntoIter,
    /// The value that belongs to the key read last.
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for &mut Fields {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        let read = seed.deserialize(Key(&key)).map_err(|misfit| misfit.below(Step::Unfit(key.clone())))?;
        self.value = Some((key, value));
        Ok(Some(read))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        let (key, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Source(value)).map_err(|misfit| misfit.below_key(&key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// A key of an object, or the name of a variant.
struct Key<'a>(&'a str);

macro_rules! number_keys {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match (self.0.parse(), self.0.parse()) {
                (Ok(number), _) => visitor.visit_u64(number),
                (Err(_), Ok(number)) => visitor.visit_i64(number),
                (Err(_), Err(_)) => visitor.visit_str(self.0),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_str(self.0)
    }

    number_keys!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(Variant { name: self.0.to_owned(), content: None })
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn variant(value: Value) -> Result<Variant, Misfit> {
    match value {
        Value::String(name) => Ok(Variant { name, content: None }),
        Value::Object(fields) if fields.len() == 1 => {
            let (name, content) = fields.into_iter().next().unwrap_or_default();
            Ok(Variant { name, content: Some(content) })
        }
        Value::Object(_) => Err(Misfit::invalid_value(Unexpected::Map, &"an object with one key")),
        other => Err(wrong_type(&other, &"a name")),
    }
}

struct Variant {
    name: String,
    content: Option<Value>,
}

impl Variant {
    /// The name of the variant and its content.
    fn content(self) -> Result<(String, Value), Misfit> {
        let Self { name, content } = self;
        match content {
            Some(content) => Ok((name, content)),
            None => Err(Misfit::custom(format!("must be an object with the key `{name}` (got {name:?})"))),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Misfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Misfit> {
        Ok((seed.deserialize(Key(&self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        match self.content {
            None | Some(Value::Null) => Ok(()),
            Some(other) => Err(wrong_type(&other, &"empty").below_key(&self.name)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        let (name, content) = self.content()?;
        seed.deserialize(Source(content)).map_err(|misfit| misfit.below_key(&name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        let (name, content) = self.content()?;
        match content {
            Value::Array(items) => list(items, visitor),
            other => Err(wrong_type(&other, &"a list")),
        }
        .map_err(|misfit| misfit.below_key(&name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let (name, content) = self.content()?;
        match content {
            Value::Object(fields) => map(fields, visitor),
            other => Err(wrong_type(&other, &"an object")),
        }
        .map_err(|misfit| misfit.below_key(&name))
    }
}

#[cfg(test)]
mod tests;
