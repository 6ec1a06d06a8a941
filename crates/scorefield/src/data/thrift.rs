//! Thrift's compact protocol, walked without decoding: whether what a file says of itself can be read in time and has the types it should have.
//!
//! The Parquet decoder takes a known field to be of its type whatever the file says, cuts a number off at the width that it should have, and passes
//! over a list of truth values of any length in no bytes, one turn of a loop for each: six bytes of a file are two thousand million turns.
//! Here such lists are refused, and fields of other types and widths.
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>

/// Structures within structures at most.
const DEPTH: usize = 64;

/// The type of a field or of a list's elements.
#[derive(Clone, Copy)]
pub(super) enum Is {
    Bool,
    Byte,
    I16,
    I32,
    I64,
    Double,
    Binary,
    List(&'static Is),
    Struct(Fields),
}

/// A structure's fields that the decoder knows, by number.
pub(super) type Fields = &'static [(i16, Is)];

impl Is {
    /// Whether four bits of a field's head say this type. A truth value stands in the head itself.
    fn is(self, code: u8) -> bool {
        match self {
            Self::Bool => code == 1 || code == 2,
            Self::Byte => code == 3,
            // All are written alike, and some writers mistake one for another.
            Self::I16 | Self::I32 | Self::I64 => matches!(code, 4..=6),
            Self::Double => code == 7,
            Self::Binary => code == 8,
            Self::List(_) => code == 9,
            Self::Struct(_) => code == 12,
        }
    }
}

/// Why a walk ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The bytes end before what they describe.
    Short,
    Wrong(String),
}

type Result<T> = std::result::Result<T, Trouble>;

fn wrong<T>(what: impl Into<String>) -> Result<T> {
    Err(Trouble::Wrong(what.into()))
}

/// Field numbers below this are told of in a [`Known`].
const TOLD: usize = 16;

/// What [`Walk::structure`] saw of the fields with small numbers, the last of each if there are several.
#[derive(Default)]
pub(super) struct Known {
    /// The values of whole numbers, and of truth values as 0 and 1.
    pub number: [Option<i64>; TOLD],
    /// Where the values begin.
    pub place: [Option<usize>; TOLD],
}

/// A place in some bytes.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()) }
    }

    /// Bytes walked over.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Trouble::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, n: u64) -> Result<()> {
        let left = (self.bytes.len() - self.at) as u64;
        if n > left {
            return Err(Trouble::Short);
        }
        self.at += n as usize;
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        wrong("a number of more than ten bytes")
    }

    /// A signed number.
    fn zigzag(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field's number and type, after field `last`; none at a structure's end.
    fn field(&mut self, last: i16) -> Result<Option<(i16, u8)>> {
        let head = self.byte()?;
        let (step, code) = (head >> 4, head & 15);
        if code == 0 {
            return Ok(None);
        }
        let id = if step == 0 { self.zigzag()? as i16 } else { last.wrapping_add(i16::from(step)) };
        Ok(Some((id, code)))
    }

    /// A structure whose `known` fields have the types that they should have.
    pub(super) fn structure(&mut self, known: Fields) -> Result<Known> {
        let mut told = Known::default();
        self.fields(known, 0, &mut told)?;
        Ok(told)
    }

    fn fields(&mut self, known: Fields, depth: usize, told: &mut Known) -> Result<()> {
        let mut last = 0;
        while let Some((id, code)) = self.field(last)? {
            let place = self.at;
            match known.iter().find(|(number, _)| *number == id) {
                Some((_, is)) if is.is(code) => self.known(*is, depth)?,
                Some(_) => return wrong(format!("field {id} of a structure is of type {code}, which it cannot be")),
                None => self.any(code, depth)?,
            }
            if let Some(i) = usize::try_from(id).ok().filter(|i| *i < TOLD) {
                told.place[i] = Some(place);
                told.number[i] = match code {
                    1 | 2 => Some(i64::from(code == 1)),
                    4..=6 => Some(Self::new(self.bytes, place).zigzag()?),
                    _ => None,
                };
            }
            last = id;
        }
        Ok(())
    }

    fn known(&mut self, is: Is, depth: usize) -> Result<()> {
        match is {
            Is::List(element) => {
                let (code, count) = self.list()?;
                if count > 0 && !element.is(code) {
                    return wrong(format!("a list's elements are of type {code}, which they cannot be"));
                }
                (0..count).try_for_each(|_| self.known(*element, depth + 1))
            }
            Is::Struct(fields) => self.fields(fields, depth + 1, &mut Known::default()),
            Is::Bool => Ok(()),
            Is::Byte => self.skip(1),
            Is::I16 => self.within(i64::from(i16::MIN), i64::from(i16::MAX)),
            Is::I32 => self.within(i64::from(i32::MIN), i64::from(i32::MAX)),
            Is::I64 => self.zigzag().map(drop),
            Is::Double => self.skip(8),
            Is::Binary => self.binary(),
        }
    }

    fn within(&mut self, least: i64, most: i64) -> Result<()> {
        match self.zigzag()? {
            number if (least..=most).contains(&number) => Ok(()),
            number => wrong(format!("{number}, where a number from {least} to {most} should be")),
        }
    }

    fn binary(&mut self) -> Result<()> {
        let length = self.varint()?;
        self.skip(length)
    }

    /// Type and number of a list's elements, which follow.
    pub(super) fn list(&mut self) -> Result<(u8, u64)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        self.timely(count, &[head & 15])?;
        Ok((head & 15, count))
    }

    /// Refuses what takes no bytes, and what is more than the bytes that are left.
    fn timely(&self, count: u64, codes: &[u8]) -> Result<()> {
        if count > 0 && codes.iter().any(|code| matches!(code, 1 | 2)) {
            return wrong("a list of truth values");
        }
        if count > (self.bytes.len() - self.at) as u64 { Err(Trouble::Short) } else { Ok(()) }
    }

    /// A value of any type, which nobody reads.
    fn any(&mut self, code: u8, depth: usize) -> Result<()> {
        if depth > DEPTH {
            return wrong(format!("more than {DEPTH} structures within each other"));
        }
        match code {
            1 | 2 => Ok(()),
            3 => self.skip(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip(8),
            8 => self.binary(),
            9 | 10 => {
                let (code, count) = self.list()?;
                (0..count).try_for_each(|_| self.any(code, depth + 1))
            }
            11 => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                let codes = self.byte()?;
                let codes = [codes >> 4, codes & 15];
                self.timely(count, &codes)?;
                (0..count).try_for_each(|_| codes.iter().try_for_each(|code| self.any(*code, depth + 1)))
            }
            12 => self.fields(&[], depth + 1, &mut Known::default()),
            13 => self.skip(16),
            code => wrong(format!("type {code}, which there is not")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8], known: Fields) -> Result<usize> {
        let mut walk = Walk::new(bytes, 0);
        walk.structure(known).map(|_| walk.at())
    }

    #[test]
    fn every_type_is_as_long_as_the_protocol_says() {
        for (value, code) in [
            (&[][..], 1),
            (&[], 2),
            (&[7], 3),
            (&[0x80, 1], 4),
            (&[0xff, 0xff, 0x03], 5),
            (&[0], 6),
            (&[0; 8], 7),
            (&[3, 1, 2, 3], 8),
            (&[0x25, 1, 2], 9),
            (&[0], 9),
            (&[0xf3, 2, 1, 2], 10),
            (&[0], 11),
            (&[2, 0x35, 1, 2, 3, 4], 11),
            (&[0x15, 9, 0], 12),
            (&[0; 16], 13),
        ] {
            // A field of the type, a number after it, the end; and rubbish beyond.
            let whole = [&[0x10 | code][..], value, &[0x15, 4, 0]].concat();
            assert_eq!(walk(&[&whole[..], &[0xff; 4]].concat(), &[]), Ok(whole.len()), "type {code}");
            for short in 0..whole.len() {
                assert_eq!(walk(&whole[..short], &[]), Err(Trouble::Short), "{short} bytes of type {code}");
            }
        }
    }

    #[test]
    fn what_takes_no_bytes_is_refused_wherever_it_stands() {
        let many = [0xff, 0xff, 0xff, 0xff, 0x07];
        let list = [&[0x19, 0xf1][..], &many, &[0]].concat();
        let inside = [&[0x1c][..], &list, &[0]].concat();
        let map = [&[0x1b][..], &many, &[0x12, 0]].concat();
        for bytes in [&list[..], &inside, &map, &[0x19, 0x12, 1, 0]] {
            assert_eq!(walk(bytes, &[]), Err(Trouble::Wrong("a list of truth values".into())));
        }
        assert_eq!(walk(&[0x19, 0x02, 0], &[]), Ok(3), "none of them");
    }

    #[test]
    fn a_known_field_of_another_type_and_what_goes_too_deep_are_refused() {
        const KNOWN: Fields = &[(1, Is::List(&Is::Struct(&[(2, Is::I32)]))), (3, Is::Binary)];
        assert_eq!(walk(&[0x19, 0x1c, 0x25, 4, 0, 0x28, 1, 9, 0], KNOWN), Ok(9));
        for bytes in [&[0x18, 1, 0, 0][..], &[0x19, 0x15, 2, 0], &[0x19, 0x1c, 0x28, 0, 0, 0], &[0x35, 2, 0]] {
            assert!(matches!(walk(bytes, KNOWN), Err(Trouble::Wrong(what)) if what.contains("cannot be")), "{bytes:?}");
        }
        // 2³² + 16, which 32 bits would take for 16; a number of another width is as good if it fits.
        for code in [0x14, 0x15, 0x16] {
            assert!(walk(&[code, 0x20, 0], &[(1, Is::I32)]).is_ok());
            assert!(walk(&[code, 0xa0, 0x80, 0x80, 0x80, 0x20, 0], &[(1, Is::I32)]).is_err());
            assert!(walk(&[code, 0xa0, 0x80, 0x80, 0x80, 0x20, 0], &[(1, Is::I64)]).is_ok());
        }
        let told = Walk::new(&[0x15, 3, 0x28, 1, 9, 0], 0)
            .structure(&[])
            .map(|known| (known.number[1], known.place[3], known.number[3]));
        assert_eq!(told, Ok((Some(-2), Some(3), None)));
        let deep = [[0x1c; 200], [0; 200]].concat();
        assert!(matches!(walk(&deep, &[]), Err(Trouble::Wrong(what)) if what.starts_with("more than 64")));
    }
}
