//! Bytes of kept looks: LEB128 integers, differences by zigzag, floats by their bits.
//!
//! Owns: writing and reading single values. Invariant: whatever bytes are read, the answer is a value or
//! [`Malformed`]; nothing panics, and nothing is allocated that the bytes do not pay for.

/// Bytes that no version of ours has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("kept looks that cannot be read")]
pub struct Malformed;

/// Of a varint: seven bits a byte.
const MORE: u8 = 0x80;

#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn mark(&mut self, mark: u16) {
        self.0.extend(mark.to_le_bytes());
    }

    pub(super) fn number(&mut self, number: impl Into<u128>) {
        let mut left = number.into();
        while left >= u128::from(MORE) {
            self.0.push(left as u8 | MORE);
            left >>= 7;
        }
        self.0.push(left as u8);
    }

    pub(super) fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    /// Small differences of either sign are few bytes.
    pub(super) fn signed(&mut self, number: i128) {
        self.number((number.wrapping_shl(1) ^ (number >> 127)).cast_unsigned());
    }

    /// Wraps, so every pair there is comes back.
    pub(super) fn delta(&mut self, now: u64, before: u64) {
        self.signed(now.wrapping_sub(before).cast_signed().into());
    }

    /// Of a whole number most low bits are zero: turned around they cost nothing.
    pub(super) fn float(&mut self, float: f64) {
        self.number(float.to_bits().swap_bytes());
    }

    pub(super) fn bits(&mut self, bits: &[bool]) {
        self.length(bits.len());
        let byte = |eight: &[bool]| {
            eight.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << at)
        };
        self.0.extend(bits.chunks(8).map(byte));
    }
}

#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn mark(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    fn wide(&mut self) -> Result<u128, Malformed> {
        let mut number = 0_u128;
        for shift in (0..u128::BITS).step_by(7) {
            let byte = self.byte()?;
            let seven = u128::from(byte & !MORE);
            let placed = seven << shift;
            if placed >> shift != seven {
                return Err(Malformed);
            }
            number |= placed;
            if byte & MORE == 0 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    pub(super) fn number<T: TryFrom<u128>>(&mut self) -> Result<T, Malformed> {
        T::try_from(self.wide()?).map_err(|_| Malformed)
    }

    /// Of a list whose items take at least a byte each.
    pub(super) fn length(&mut self) -> Result<usize, Malformed> {
        self.number().ok().filter(|length| *length <= self.0.len()).ok_or(Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i128, Malformed> {
        let number = self.wide()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    pub(super) fn delta(&mut self, before: u64) -> Result<u64, Malformed> {
        let by = i64::try_from(self.signed()?).map_err(|_| Malformed)?;
        Ok(before.wrapping_add_signed(by))
    }

    pub(super) fn float(&mut self) -> Result<f64, Malformed> {
        self.number::<u64>().map(|bits| f64::from_bits(bits.swap_bytes()))
    }

    pub(super) fn bits(&mut self) -> Result<Vec<bool>, Malformed> {
        let length: usize = self.number()?;
        if length.div_ceil(8) > self.0.len() {
            return Err(Malformed);
        }
        let mut bits = Vec::with_capacity(length);
        while bits.len() < length {
            let byte = self.byte()?;
            let some = (length - bits.len()).min(8);
            bits.extend((0..some).map(|at| byte >> at & 1 == 1));
        }
        Ok(bits)
    }
}
