//! One look after the other as bytes, each written against the one before.
//!
//! Does not: know chunks and their version (`kept`), or how single values are written (`pack`).

use std::time::Duration;

use super::LookInput;
use super::counts::Requests;
use super::kept::Kept;
use super::numbers::Numbers;
use super::pack::{Malformed, Reader, Writer};
use super::packed_numbers::{read_numbers, write_numbers};
use crate::domain::{Timestamp, Weight};

/// What seldom changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    /// Control, history, sticky.
    flags: [bool; 3],
    weight: Weight,
    harm: u64,
    ahead: Vec<Weight>,
    lives: u32,
    compared: Vec<bool>,
    checks: usize,
}

impl Frame {
    fn of(look: &Kept) -> Self {
        let LookInput { weight, control, history, harm, ahead, sticky, checks, .. } = &look.input;
        Self {
            flags: [*control, *history, *sticky],
            weight: *weight,
            harm: harm.to_bits(),
            ahead: ahead.clone(),
            lives: look.lives,
            compared: look.compared.clone(),
            checks: checks.len(),
        }
    }

    fn write(&self, out: &mut Writer) {
        out.bits(&self.flags);
        out.number(self.weight.ppm());
        out.float(f64::from_bits(self.harm));
        out.length(self.ahead.len());
        self.ahead.iter().for_each(|weight| out.number(weight.ppm()));
        out.number(self.lives);
        out.bits(&self.compared);
        out.length(self.checks);
    }

    fn read(bytes: &mut Reader<'_>) -> Result<Self, Malformed> {
        let weight = |bytes: &mut Reader<'_>| Weight::from_ppm(bytes.number()?).ok_or(Malformed);
        Ok(Self {
            flags: bytes.bits()?.try_into().map_err(|_| Malformed)?,
            weight: weight(bytes)?,
            harm: bytes.float()?.to_bits(),
            ahead: (0..bytes.length()?).map(|_| weight(bytes)).collect::<Result<_, _>>()?,
            lives: bytes.number()?,
            compared: bytes.bits()?,
            checks: bytes.length()?,
        })
    }
}

/// What the next look is written against.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// `None` at the beginning of a chunk.
    frame: Option<Frame>,
    at: i64,
    /// Microseconds from the end of one look to that of the next.
    interval: i64,
    /// The last numbers there were, by check.
    numbers: Vec<Option<Numbers>>,
}

/// How the requests of the route are written: not at all, in full, or as those of a check from here on.
const NO_SPLIT: u64 = 0;
const SPLIT: u64 = 1;
const OF_CHECK: u64 = 2;

impl Before {
    pub(super) fn write(&mut self, out: &mut Writer, look: &Kept) {
        let frame = Frame::of(look);
        let changed = self.frame.as_ref() != Some(&frame);
        let split = split_code(&look.input);
        out.number(split << 1 | u64::from(changed));
        if changed {
            frame.write(out);
        }
        let nanos = look.input.lasting.as_nanos().cast_signed();
        let interval = self.next_interval(look.at.micros());
        out.signed(i128::from(interval.wrapping_sub(self.interval)));
        self.moved(frame, look.at.micros(), interval);
        out.signed(nanos - self.expected_nanos());
        out.mark(look.mark);
        for (numbers, before) in look.input.checks.iter().zip(&mut self.numbers) {
            write_numbers(out, numbers.as_ref(), before.as_ref());
            *before = numbers.clone().or_else(|| before.take());
        }
        if let Some(seen) = look.input.split.filter(|_| split == SPLIT) {
            out.number(seen.canary);
            out.number(seen.baseline);
        }
    }

    pub(super) fn read(&mut self, bytes: &mut Reader<'_>) -> Result<Kept, Malformed> {
        let head: u64 = bytes.number()?;
        let frame = match head & 1 {
            1 => Frame::read(bytes)?,
            _ => self.frame.clone().ok_or(Malformed)?,
        };
        let by = i64::try_from(bytes.signed()?).map_err(|_| Malformed)?;
        let interval = self.interval.wrapping_add(by);
        let at = self.at.wrapping_add(interval);
        self.moved(frame.clone(), at, interval);
        let nanos = self.expected_nanos().checked_add(bytes.signed()?).ok_or(Malformed)?;
        let lasting = duration(nanos)?;
        let mark = bytes.mark()?;
        let mut checks = Vec::with_capacity(frame.checks.min(bytes.0.len()));
        for before in &mut self.numbers {
            let numbers = read_numbers(bytes, before.as_ref())?;
            *before = numbers.clone().or_else(|| before.take());
            checks.push(numbers);
        }
        let split = read_split(bytes, head >> 1, &checks)?;
        let [control, history, sticky] = frame.flags;
        let Frame { weight, ahead, lives, compared, .. } = frame;
        let harm = f64::from_bits(frame.harm);
        let input =
            LookInput { weight, control, history, harm, ahead, lasting, checks, split, sticky };
        Ok(Kept { at: Timestamp::from_micros(at), lives, compared, input, mark })
    }

    fn next_interval(&self, at: i64) -> i64 {
        at.wrapping_sub(self.at)
    }

    /// The first look of a chunk has no interval.
    fn moved(&mut self, frame: Frame, at: i64, interval: i64) {
        self.interval = if self.frame.is_some() { interval } else { 0 };
        self.at = at;
        self.numbers.resize_with(frame.checks, || None);
        self.frame = Some(frame);
    }

    /// A look usually lasts from the end of the one before to its own.
    fn expected_nanos(&self) -> i128 {
        i128::from(self.interval.max(0)) * 1000
    }
}

fn duration(nanos: i128) -> Result<Duration, Malformed> {
    let nanos = u128::try_from(nanos).map_err(|_| Malformed)?;
    let secs = u64::try_from(nanos / 1_000_000_000).map_err(|_| Malformed)?;
    Ok(Duration::new(secs, (nanos % 1_000_000_000) as u32))
}

fn split_code(input: &LookInput) -> u64 {
    let Some(split) = input.split else { return NO_SPLIT };
    let same = |n: &Option<Numbers>| n.as_ref().and_then(Numbers::requests) == Some(split);
    input.checks.iter().position(same).map_or(SPLIT, |check| OF_CHECK + check as u64)
}

fn read_split(
    bytes: &mut Reader<'_>,
    code: u64,
    checks: &[Option<Numbers>],
) -> Result<Option<Requests>, Malformed> {
    match code {
        NO_SPLIT => Ok(None),
        SPLIT => Ok(Some(Requests { canary: bytes.number()?, baseline: bytes.number()? })),
        of_check => {
            let check = usize::try_from(of_check - OF_CHECK).map_err(|_| Malformed)?;
            let numbers = checks.get(check).and_then(Option::as_ref).ok_or(Malformed)?;
            numbers.requests().map(Some).ok_or(Malformed)
        }
    }
}
