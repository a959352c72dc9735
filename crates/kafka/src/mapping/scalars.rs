//! Values that hold no others, as text: how a reader of records sees them, and with their type how they come back.
//!
//! ```text
//!   i32 -5 → -5   bool → true   f64 → 1.5, NaN, inf   decimal 105 / 10^2 → 1.05   timestamp 7 s → 7000 (ms)
//! ```
//! The type of a float whose text does not tell its bits names them: `f64:7ff8000000000001`.

use bytes::Bytes;
use narumq_model::Value;

/// The type of a value that holds no others and is not void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    /// With its bits if the text does not tell them.
    F32(Option<u32>),
    /// As [`F32`](Self::F32).
    F64(Option<u64>),
    Decimal,
    Text,
    Binary,
    Timestamp,
}

const NAMES: [(&str, Scalar); 14] = [
    ("bool", Scalar::Bool),
    ("i8", Scalar::I8),
    ("u8", Scalar::U8),
    ("i16", Scalar::I16),
    ("u16", Scalar::U16),
    ("i32", Scalar::I32),
    ("u32", Scalar::U32),
    ("i64", Scalar::I64),
    ("f32", Scalar::F32(None)),
    ("f64", Scalar::F64(None)),
    ("decimal", Scalar::Decimal),
    ("text", Scalar::Text),
    ("binary", Scalar::Binary),
    ("timestamp", Scalar::Timestamp),
];

impl Scalar {
    /// The type of this name.
    pub(super) fn named(name: &str) -> Option<Scalar> {
        if let Some(bits) = name.strip_prefix("f32:") {
            return u32::from_str_radix(bits, 16).ok().map(|bits| Scalar::F32(Some(bits)));
        }
        if let Some(bits) = name.strip_prefix("f64:") {
            return u64::from_str_radix(bits, 16).ok().map(|bits| Scalar::F64(Some(bits)));
        }
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, scalar)| *scalar)
    }

    /// The type of a value; none of void, arrays and tables.
    pub(super) fn of(value: &Value) -> Option<Scalar> {
        Some(match value {
            Value::Bool(_) => Scalar::Bool,
            Value::I8(_) => Scalar::I8,
            Value::U8(_) => Scalar::U8,
            Value::I16(_) => Scalar::I16,
            Value::U16(_) => Scalar::U16,
            Value::I32(_) => Scalar::I32,
            Value::U32(_) => Scalar::U32,
            Value::I64(_) => Scalar::I64,
            Value::F32(bits) => {
                let number = f32::from_bits(*bits);
                let told = !number.is_nan() || *bits == f32::NAN.to_bits();
                Scalar::F32((!told).then_some(*bits))
            }
            Value::F64(bits) => {
                let number = f64::from_bits(*bits);
                let told = !number.is_nan() || *bits == f64::NAN.to_bits();
                Scalar::F64((!told).then_some(*bits))
            }
            Value::Decimal { .. } => Scalar::Decimal,
            Value::Text(_) => Scalar::Text,
            Value::Binary(_) => Scalar::Binary,
            Value::Timestamp(_) => Scalar::Timestamp,
            Value::Void | Value::Array(_) | Value::Table(_) => return None,
        })
    }

    /// Appends the type's name.
    pub(super) fn write_name(self, out: &mut String) {
        let plain = match self {
            Scalar::F32(Some(bits)) => {
                super::put(out, format_args!("f32:{bits:08x}"));
                return;
            }
            Scalar::F64(Some(bits)) => {
                super::put(out, format_args!("f64:{bits:016x}"));
                return;
            }
            plain => plain,
        };
        let name = NAMES.iter().find(|(_, known)| *known == plain);
        out.push_str(name.map(|(name, _)| *name).expect("all types have names"));
    }

    /// The value of this type that the text tells; none if it tells none.
    pub(super) fn read(self, text: &Bytes) -> Option<Value> {
        match self {
            Scalar::Text => return Some(Value::Text(text.clone())),
            Scalar::Binary => return Some(Value::Binary(text.clone())),
            _ => {}
        }
        let text = std::str::from_utf8(text).ok()?;
        Some(match self {
            Scalar::Bool => Value::Bool(text.parse().ok()?),
            Scalar::I8 => Value::I8(text.parse().ok()?),
            Scalar::U8 => Value::U8(text.parse().ok()?),
            Scalar::I16 => Value::I16(text.parse().ok()?),
            Scalar::U16 => Value::U16(text.parse().ok()?),
            Scalar::I32 => Value::I32(text.parse().ok()?),
            Scalar::U32 => Value::U32(text.parse().ok()?),
            Scalar::I64 => Value::I64(text.parse().ok()?),
            Scalar::F32(None) => Value::F32(text.parse::<f32>().ok()?.to_bits()),
            Scalar::F64(None) => Value::F64(text.parse::<f64>().ok()?.to_bits()),
            Scalar::F32(Some(bits)) => Value::F32(bits),
            Scalar::F64(Some(bits)) => Value::F64(bits),
            Scalar::Decimal => decimal(text)?,
            Scalar::Timestamp => Value::Timestamp(seconds(text)?),
            Scalar::Text | Scalar::Binary => return None,
        })
    }
}

/// Appends the text of a value that is neither text nor bytes, void, array nor table.
pub(super) fn write_text(value: &Value, out: &mut String) {
    match value {
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::F32(bits) => super::put(out, format_args!("{:?}", f32::from_bits(*bits))),
        Value::F64(bits) => super::put(out, format_args!("{:?}", f64::from_bits(*bits))),
        Value::Decimal { scale: 0, value } => super::put(out, format_args!("{value}")),
        Value::Decimal { scale, value } => {
            let scale = usize::from(*scale);
            let digits = format!("{value:0width$}", width = scale + 1);
            let (whole, behind) = digits.split_at(digits.len() - scale);
            super::put(out, format_args!("{whole}.{behind}"));
        }
        Value::Timestamp(seconds) => super::put(out, format_args!("{}", u128::from(*seconds) * 1000)),
        _ => {
            if let Some(number) = value.as_integer() {
                super::put(out, format_args!("{number}"));
            }
        }
    }
}

fn decimal(text: &str) -> Option<Value> {
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let digits = || whole.bytes().chain(behind.bytes());
    if whole.is_empty() || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value = digits().try_fold(0u32, |n, digit| n.checked_mul(10)?.checked_add(u32::from(digit - b'0')))?;
    Some(Value::Decimal { scale: u8::try_from(behind.len()).ok()?, value })
}

/// Milliseconds in decimal digits, as whole seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let ms = text.parse::<u128>().ok()?;
    if ms.is_multiple_of(1000) { u64::try_from(ms / 1000).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scalar_comes_back_with_its_type() {
        let decimal = |scale, value| Value::Decimal { scale, value };
        for (value, text, kind) in [
            (Value::Bool(true), "true", "bool"),
            (Value::I8(-128), "-128", "i8"),
            (Value::U8(255), "255", "u8"),
            (Value::I16(-2), "-2", "i16"),
            (Value::U16(65535), "65535", "u16"),
            (Value::I32(i32::MIN), "-2147483648", "i32"),
            (Value::U32(u32::MAX), "4294967295", "u32"),
            (Value::I64(i64::MIN), "-9223372036854775808", "i64"),
            (Value::F32(1.5f32.to_bits()), "1.5", "f32"),
            (Value::F64((-0.0f64).to_bits()), "-0.0", "f64"),
            (Value::F64(1e300f64.to_bits()), "1e300", "f64"),
            (Value::F64(f64::NEG_INFINITY.to_bits()), "-inf", "f64"),
            (Value::F64(f64::NAN.to_bits()), "NaN", "f64"),
            (Value::F64(0x7ff8_0000_0000_0001), "NaN", "f64:7ff8000000000001"),
            (Value::F32(0xffc0_0000), "NaN", "f32:ffc00000"),
            (decimal(0, 7), "7", "decimal"),
            (decimal(2, 5), "0.05", "decimal"),
            (decimal(2, 12345), "123.45", "decimal"),
            (Value::Timestamp(7), "7000", "timestamp"),
            (Value::Timestamp(u64::MAX), "18446744073709551615000", "timestamp"),
        ] {
            let (mut shown, mut name) = (String::new(), String::new());
            write_text(&value, &mut shown);
            let scalar = Scalar::of(&value).unwrap();
            scalar.write_name(&mut name);
            assert_eq!((&shown[..], &name[..]), (text, kind));
            assert_eq!(Scalar::named(kind), Some(scalar));
            assert_eq!(scalar.read(&Bytes::from(shown)), Some(value));
        }
        let (mut shown, tiny) = (String::new(), decimal(255, u32::MAX));
        write_text(&tiny, &mut shown);
        assert_eq!(Scalar::Decimal.read(&Bytes::from(shown)), Some(tiny));
    }

    #[test]
    fn texts_that_tell_nothing_are_no_values() {
        for (kind, text) in [
            ("i8", "128"),
            ("u8", "-1"),
            ("i32", ""),
            ("i32", "1.0"),
            ("bool", "yes"),
            ("f64", "much"),
            ("decimal", ".5"),
            ("decimal", "-1"),
            ("decimal", "99999999999"),
            ("timestamp", "1500"),
            ("timestamp", "-1000"),
        ] {
            assert_eq!(Scalar::named(kind).unwrap().read(&Bytes::from(text)), None, "{kind} {text}");
        }
    }
}
