//! What the exit code tells a script.

use std::process::ExitCode;

/// How a command ended. The numbers are an interface: they never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; a rollout that was waited for completed.
    Done,
    /// The command line or a file has mistakes; nothing was sent.
    Usage,
    /// The server understood and said no.
    Refused,
    /// The rollout that was waited for went back.
    Reverted,
    /// The rollout waits for a person, longer than the command does.
    NeedsPerson,
    /// No answer that can be used.
    Unreachable,
    /// Ctrl-C.
    Interrupted,
}

pub const TABLE: &str = "\
Exit codes:
  0    done; with --wait, watch and run: the rollout completed
  1    mistakes in the command line or in a file; nothing was sent
  2    refused: not allowed, not found, or the rollout is not where this can be done
  3    the rollout was reverted
  4    the rollout is paused, or waits for an approval, for longer than --person-within
  5    no tidegate answers or can be started, or its answer cannot be understood
  130  interrupted by Ctrl-C";

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 1,
            Self::Refused => 2,
            Self::Reverted => 3,
            Self::NeedsPerson => 4,
            Self::Unreachable => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
