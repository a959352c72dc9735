//! The macros that turn the lines of `messages` and `api` into types that are read and written.
//!
//! ```text
//! on the wire: field | field | ... | tagged fields (flexible versions: those that differ from their defaults)
//! ```
//! A field outside its versions is not on the wire: reading gives its default, writing leaves it out.

/// Types from a table: `'a;` and then, for each, its name and its fields as `messages` describes them.
macro_rules! messages {
    ($a:lifetime; $(
        $(#[$doc:meta])*
        $name:ident $(<$borrowed:lifetime>)? { $(
            $field:ident: $type:ty [$versions:pat] $(null [$null:pat])? $(tag $tag:literal)? $(= $default:expr)?,
        )* }
    )*) => { $(
        $(#[$doc])*
        #[allow(missing_docs, reason = "the protocol's own fields under their own names")]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name $(<$borrowed>)? { $(pub $field: $type,)* }

        impl $(<$borrowed>)? Default for $name $(<$borrowed>)? {
            #[inline]
            fn default() -> Self {
                Self { $($field: $crate::codec::table::default!($($default)?),)* }
            }
        }

        #[allow(unused_mut, unused_variables, reason = "not every structure has fields, or tagged ones")]
        impl<$a> $crate::codec::Wire<$a> for $name $(<$borrowed>)? {
            #[inline]
            fn size_min(form: $crate::codec::Form) -> usize {
                let mut size = usize::from(form.flexible);
                $(if $crate::codec::table::plain!($($tag)?) && matches!(form.version, $versions) {
                    size += <$type as $crate::codec::Wire<$a>>::size_min(form);
                })*
                size
            }

            #[inline]
            fn read(
                reader: &mut $crate::codec::Reader<$a>,
                form: $crate::codec::Form,
            ) -> Result<Self, $crate::codec::DecodeError> {
                $(
                    let mut $field: $type = if $crate::codec::table::plain!($($tag)?)
                        && matches!(form.version, $versions)
                    {
                        $crate::codec::Wire::read(reader, form)?
                    } else {
                        $crate::codec::table::default!($($default)?)
                    };
                    $(if $field.is_none() && matches!(form.version, $versions) && !matches!(form.version, $null) {
                        return Err($crate::codec::DecodeError::Null);
                    })?
                )*
                if form.flexible {
                    reader.tagged_fields(|tag, reader| {
                        match tag {
                            $($($tag if matches!(form.version, $versions) => {
                                $field = $crate::codec::Wire::read(reader, form)?;
                            })?)*
                            _ => return Ok(false),
                        }
                        #[allow(unreachable_code, reason = "a structure without tagged fields knows none")]
                        Ok(true)
                    })?;
                }
                Ok(Self { $($field,)* })
            }

            #[inline]
            fn write(&self, writer: &mut $crate::codec::Writer<'_>, form: $crate::codec::Form) {
                $(if $crate::codec::table::plain!($($tag)?) && matches!(form.version, $versions) {
                    $crate::codec::table::write_field!(&self.$field, writer, form $(, $null)?);
                })*
                if form.flexible {
                    let mut count = 0;
                    $(if $crate::codec::table::said!(self.$field, $type, form, $versions, [$($tag)?] [$($default)?]) {
                        count += 1;
                    })*
                    writer.varint(count);
                    $(if $crate::codec::table::said!(self.$field, $type, form, $versions, [$($tag)?] [$($default)?]) {
                        $(writer.tagged_field($tag, |writer| self.$field.write(writer, form));)?
                    })*
                }
            }

            #[cfg(test)]
            fn random(random: &mut $crate::codec::random::Random, form: $crate::codec::Form) -> Self {
                let mut value = Self::default();
                $(if matches!(form.version, $versions) {
                    value.$field = $crate::codec::Wire::random(random, form);
                    $(if !matches!(form.version, $null) {
                        value.$field.get_or_insert_default();
                    })?
                })*
                value
            }
        }
    )* };
}

/// The default of a field: what the table says, or that of its type.
macro_rules! default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

/// Whether a field is none of the tagged ones.
macro_rules! plain {
    () => {
        true
    };
    ($tag:literal) => {
        false
    };
}

/// Writes a field; one that may be null in some versions only is written as empty in the others.
macro_rules! write_field {
    ($value:expr, $writer:ident, $form:ident) => {
        $crate::codec::Wire::write($value, $writer, $form)
    };
    ($value:expr, $writer:ident, $form:ident, $null:pat) => {
        if matches!($form.version, $null) {
            $crate::codec::Wire::write($value, $writer, $form);
        } else {
            $crate::codec::wire::write_required($value, $writer, $form);
        }
    };
}

/// Whether a field is a tagged one that is written: when it differs from its default.
macro_rules! said {
    ($value:expr, $type:ty, $form:ident, $versions:pat, [] [$($default:expr)?]) => {
        false
    };
    ($value:expr, $type:ty, $form:ident, $versions:pat, [$tag:literal] [$($default:expr)?]) => {{
        let default: $type = $crate::codec::table::default!($($default)?);
        matches!($form.version, $versions) && $value != default
    }};
}

/// The table of APIs: the enum of keys, their versions, and the enums of all requests and responses.
macro_rules! apis {
    ($($(#[$doc:meta])* $name:ident = $key:literal, built $min:literal to $max:literal, advertised from $from:literal,
        flexible from $flexible:expr, $request:ty, $response:ty;)*
    ) => {
        /// An API that is built, by the key that stands in front of its requests.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i16)]
        pub enum ApiKey { $($(#[$doc])* $name = $key,)* }

        impl ApiKey {
            /// Every API of the table, ascending by key.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The API of a key.
            #[inline]
            pub const fn from_key(key: i16) -> Option<Self> {
                match key { $($key => Some(Self::$name),)* _ => None }
            }

            /// The versions in which its messages are decoded and encoded.
            #[inline]
            pub const fn built(self) -> $crate::codec::Versions {
                match self { $(Self::$name => $crate::codec::Versions { min: $min, max: $max },)* }
            }

            /// The versions that clients are told in ApiVersions.
            #[inline]
            pub const fn advertised(self) -> $crate::codec::Versions {
                match self { $(Self::$name => $crate::codec::Versions { min: $from, max: $max },)* }
            }

            /// The first version with compact lengths and tagged fields.
            #[inline]
            const fn first_flexible(self) -> i16 {
                match self { $(Self::$name => $flexible,)* }
            }
        }

        $(
            impl<'a> $crate::codec::Message<'a> for $request { const API: ApiKey = ApiKey::$name; }
            impl<'a> $crate::codec::Message<'a> for $response { const API: ApiKey = ApiKey::$name; }
        )*

        /// The body of any request.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "the variants are those of ApiKey")]
        pub enum Request<'a> { $($name($request),)* }

        impl<'a> Request<'a> {
            /// Reads the body of a request of this API.
            ///
            /// # Errors
            /// When the version is not built or the bytes are not such a body.
            pub fn read(api: ApiKey, version: i16, reader: &mut $crate::codec::Reader<'a>) -> Result<Self, $crate::codec::DecodeError> {
                let form = api.form(version)?;
                match api { $(ApiKey::$name => $crate::codec::Wire::read(reader, form).map(Self::$name),)* }
            }

            /// Appends the whole request; see [`encode_request`](crate::codec::encode_request).
            ///
            /// # Panics
            /// When the version is not built, or the frame is 2 GiB or larger.
            pub fn encode_frame(&self, caller: $crate::codec::Caller<'_>, version: i16, out: &mut Vec<u8>) {
                match self { $(Self::$name(body) => $crate::codec::encode_request(caller, version, body, out),)* }
            }

            /// A random request, for tests.
            #[cfg(test)]
            pub(super) fn random(api: ApiKey, random: &mut $crate::codec::random::Random, form: $crate::codec::Form) -> Self {
                match api { $(ApiKey::$name => Self::$name($crate::codec::Wire::random(random, form)),)* }
            }
        }

        /// The body of any response.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "the variants are those of ApiKey")]
        pub enum Response<'a> { $($name($response),)* }

        impl<'a> Response<'a> {
            /// Reads the body of a response of this API.
            ///
            /// # Errors
            /// When the version is not built or the bytes are not such a body.
            pub fn read(api: ApiKey, version: i16, reader: &mut $crate::codec::Reader<'a>) -> Result<Self, $crate::codec::DecodeError> {
                let form = api.form(version)?;
                match api { $(ApiKey::$name => $crate::codec::Wire::read(reader, form).map(Self::$name),)* }
            }

            /// Appends the whole response; see [`encode_response`](crate::codec::encode_response).
            ///
            /// # Panics
            /// When the version is not built, or the frame is 2 GiB or larger.
            pub fn encode_frame(
                &self,
                correlation_id: i32,
                version: i16,
                out: &mut Vec<u8>,
                cuts: &mut Vec<$crate::codec::Cut>,
            ) {
                match self {
                    $(Self::$name(body) => $crate::codec::encode_response(correlation_id, version, body, out, cuts),)*
                }
            }

            /// A random response, for tests.
            #[cfg(test)]
            pub(super) fn random(api: ApiKey, random: &mut $crate::codec::random::Random, form: $crate::codec::Form) -> Self {
                match api { $(ApiKey::$name => Self::$name($crate::codec::Wire::random(random, form)),)* }
            }
        }
    };
}

pub(super) use {apis, default, messages, plain, said, write_field};
