//! The macro that turns the table of methods into one struct per method, the enum of all, and their names.

use super::ArgumentWriter;

/// Class id and method id, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MethodId {
    /// The class: 10 connection, 20 channel, ... 90 tx.
    pub class: u16,
    /// The method within its class.
    pub method: u16,
}

impl MethodId {
    /// The ids at the front of a method frame's payload; `None` if it is shorter than four bytes.
    #[inline]
    pub fn of_payload(payload: &[u8]) -> Option<Self> {
        let &[c1, c0, m1, m0] = payload.first_chunk()?;
        Some(Self { class: u16::from_be_bytes([c1, c0]), method: u16::from_be_bytes([m1, m0]) })
    }

    /// The four bytes at the front of a method frame's payload.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 4] {
        let [c1, c0] = self.class.to_be_bytes();
        let [m1, m0] = self.method.to_be_bytes();
        [c1, c0, m1, m0]
    }

    /// True for the methods that a content header follows: basic.publish, .return, .deliver and .get-ok.
    #[inline]
    pub const fn carries_content(self) -> bool {
        self.class == 60 && matches!(self.method, 40 | 50 | 60 | 71)
    }
}

/// A row of the table of methods, as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodSchema {
    /// Class and method id.
    pub id: MethodId,
    /// Class, a dot, method.
    pub name: &'static str,
    /// Name and type of each argument in order; the types are those of [`ArgumentReader`](super::ArgumentReader).
    pub arguments: &'static [(&'static str, &'static str)],
}

/// What [`write_method`](super::write_method) has to know of a method.
pub trait WireMethod {
    /// Class and method id.
    fn id(&self) -> MethodId;

    /// Appends the arguments.
    fn write_arguments(&self, writer: &mut ArgumentWriter<'_>);
}

/// The Rust type of an argument.
macro_rules! argument_type {
    (bit) => { bool };
    (octet) => { u8 };
    (short) => { u16 };
    (long) => { u32 };
    (longlong) => { u64 };
    (shortstr $lifetime:lifetime) => { &$lifetime [u8] };
    (longstr $lifetime:lifetime) => { &$lifetime [u8] };
    (table $lifetime:lifetime) => { Table<$lifetime> };
    // The fixed types are the same with or without something to borrow from.
    ($fixed:ident $lifetime:lifetime) => { argument_type!($fixed) };
}

/// What the documentation says of an argument by its type.
macro_rules! argument_doc {
    (bit) => {
        "A bit."
    };
    (octet) => {
        "8 bits, unsigned."
    };
    (short) => {
        "16 bits, unsigned."
    };
    (long) => {
        "32 bits, unsigned."
    };
    (longlong) => {
        "64 bits, unsigned."
    };
    (shortstr) => {
        "Short string: at most 255 bytes, of any value."
    };
    (longstr) => {
        "Long string: bytes of any value."
    };
    (table) => {
        "Field table, validated."
    };
}

/// The struct of one method: a unit struct where there are no arguments.
macro_rules! method_struct {
    ($(#[$doc:meta])* $name:ident {}) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name;
    };
    ($(#[$doc:meta])* $name:ident $(<$lifetime:lifetime>)? { $($field:ident: $kind:ident),+ }) => {
        method_struct!(@fields [$(#[$doc])*] $name [$($lifetime)?] $($field: $kind),+);
    };
    (@fields [$(#[$doc:meta])*] $name:ident [] $($field:ident: $kind:ident),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name {
            $(#[doc = argument_doc!($kind)] pub $field: argument_type!($kind),)+
        }
    };
    (@fields [$(#[$doc:meta])*] $name:ident [$lifetime:lifetime] $($field:ident: $kind:ident),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name<$lifetime> {
            $(#[doc = argument_doc!($kind)] pub $field: argument_type!($kind $lifetime),)+
        }
    };
}

/// Turns the table in `methods` into types. A row is
/// `/// what it does` `id "name" Struct<'a> { argument: type, ... };`, the rows of a class stand in
/// `class id "name" { ... }`, and neighbouring bits are packed by the readers and writers of arguments.
macro_rules! method_table {
    ($(class $class_id:literal $class_name:literal {
        $($(#[$doc:meta])* $id:literal $method_name:literal $name:ident $(<$lifetime:lifetime>)?
            { $($field:ident: $kind:ident),* $(,)? };)+
    })+) => {
        $($(
            method_struct!($(#[$doc])* $name $(<$lifetime>)? { $($field: $kind),* });

            impl $(<$lifetime>)? $name $(<$lifetime>)? {
                /// Class and method id.
                pub const ID: MethodId = MethodId { class: $class_id, method: $id };

                /// The name in texts: class, a dot, method.
                pub const NAME: &'static str = concat!($class_name, ".", $method_name);

                /// Reads the arguments: the payload of a method frame behind class and method id.
                ///
                /// # Errors
                /// When an argument is cut short or malformed, or something follows the last one.
                #[inline]
                pub fn decode(arguments: &$($lifetime)? [u8]) -> Result<Self, CodecError> {
                    #[allow(unused_mut, reason = "methods without arguments read nothing")]
                    let mut reader = ArgumentReader::new(arguments);
                    $(let $field = reader.$kind()?;)*
                    reader.finish()?;
                    Ok(Self { $($field),* })
                }
            }

            impl $(<$lifetime>)? WireMethod for $name $(<$lifetime>)? {
                #[inline]
                fn id(&self) -> MethodId {
                    Self::ID
                }

                #[inline]
                #[allow(unused_variables, reason = "methods without arguments write nothing")]
                fn write_arguments(&self, writer: &mut ArgumentWriter<'_>) {
                    $(writer.$kind(self.$field);)*
                }
            }

            impl<'a> From<method_table!(@type $name $($lifetime)?)> for Method<'a> {
                fn from(method: method_table!(@type $name $($lifetime)?)) -> Self {
                    Self::$name(method)
                }
            }
        )+)+

        /// Any method of the protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Method<'a> {
            $($($(#[$doc])* $name(method_table!(@type $name $($lifetime)?)),)+)+
        }

        impl<'a> Method<'a> {
            /// Reads the payload of a method frame.
            ///
            /// # Errors
            /// [`UnknownMethod`](CodecError::UnknownMethod), or that of the method's own `decode`.
            pub fn decode(payload: &'a [u8]) -> Result<Self, CodecError> {
                let id = MethodId::of_payload(payload).ok_or(CodecError::Truncated)?;
                let arguments = &payload[4..];
                match (id.class, id.method) {
                    $($(($class_id, $id) => $name::decode(arguments).map(Self::$name),)+)+
                    _ => Err(CodecError::UnknownMethod(id)),
                }
            }

            /// The name in texts: class, a dot, method.
            pub const fn name(&self) -> &'static str {
                match self {
                    $($(Self::$name(_) => $name::NAME,)+)+
                }
            }
        }

        impl WireMethod for Method<'_> {
            fn id(&self) -> MethodId {
                match self {
                    $($(Self::$name(_) => $name::ID,)+)+
                }
            }

            fn write_arguments(&self, writer: &mut ArgumentWriter<'_>) {
                match self {
                    $($(Self::$name(method) => method.write_arguments(writer),)+)+
                }
            }
        }

        impl MethodId {
            /// The name of the method with these ids, such as `basic.publish`.
            pub const fn name(self) -> Option<&'static str> {
                match (self.class, self.method) {
                    $($(($class_id, $id) => Some($name::NAME),)+)+
                    _ => None,
                }
            }
        }

        /// The rows of the table.
        pub const METHODS: &[MethodSchema] = &[$($(
            MethodSchema {
                id: $name::ID,
                name: $name::NAME,
                arguments: &[$((stringify!($field), stringify!($kind))),*],
            },
        )+)+];
    };
    (@type $name:ident) => { $name };
    (@type $name:ident $lifetime:lifetime) => { $name<$lifetime> };
}
