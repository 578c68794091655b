//! What a baseline says: whether a program goes where it always goes.

use super::{Factor, Surroundings};
use crate::analyze::learn;
use crate::baseline::{Baseline, Fact, Kind, Standing};
use crate::model::processes::Process;
use crate::model::records::Direction;
use crate::model::socket_subset::SocketSubset;

/// Of the days that a baseline covers, the share on which something usual was seen.
const USUAL_SHARE: f64 = 0.5;

/// Fewest days on which something must have been seen to be usual.
const USUAL_DAYS: u32 = 3;

/// The facts about some connections against the baseline; none without one.
pub(super) fn factors(
    owners: &[(Process<'_>, Option<&str>)],
    members: SocketSubset<'_, '_>,
    surroundings: &Surroundings<'_>,
) -> Vec<Factor> {
    let Some(baseline) = surroundings.baseline() else { return Vec::new() };
    of_contact(members, baseline).into_iter().chain(of_programs(owners, baseline)).collect()
}

fn of_contact(members: SocketSubset<'_, '_>, baseline: &Baseline) -> Option<Factor> {
    let socket = members.first().filter(|socket| socket.direction == Some(Direction::Outbound))?;
    let (destination, contact) = learn::destination(&socket)?;
    let (addr, program) = (socket.remote()?.0, socket.process_name.unwrap_or("this program"));
    let place = socket.remote_name.unwrap_or(addr);
    match baseline.standing(Kind::Contact, &contact) {
        Standing::Unknown => None,
        Standing::Known(fact, days) if is_usual(fact, days) => Some(Factor::new(
            "baseline-usual",
            -2.0,
            format!("{program} contacted {place} on {} of the {days} days of the baseline", fact.days),
        )),
        Standing::Known(fact, days) => (fact.days == 1 && days >= 10).then(|| {
            let says = format!("{program} contacted {place} on only 1 of the {days} days of the baseline");
            Factor::new("baseline-rare", 0.5, says)
        }),
        Standing::New(days) => {
            let by_addr = baseline.standing(Kind::Destination, &destination);
            let by_name = socket.remote_name.map(|name| baseline.standing(Kind::Name, name));
            let is_new = |standing: Standing<'_>| matches!(standing, Standing::New(_));
            // By its name where it has one: addresses behind a name change.
            let is_new = by_name.map_or_else(|| is_new(by_addr), is_new);
            Some(if is_new {
                let says = format!("nothing contacted {place} in the {days} days of the baseline");
                Factor::new("baseline-new-destination", 1.0, says)
            } else {
                let says = format!("{program} did not contact {place} in the {days} days of the baseline");
                Factor::new("baseline-new-contact", 0.5, says)
            })
        }
    }
}

fn of_programs(owners: &[(Process<'_>, Option<&str>)], baseline: &Baseline) -> Option<Factor> {
    let standing = |(process, sha256): &(Process<'_>, Option<&str>)| {
        let key = learn::executable(*sha256, process.exe)?;
        Some((process.exe.unwrap_or("its executable").to_owned(), baseline.standing(Kind::Executable, &key)))
    };
    owners.iter().filter_map(standing).find_map(|(exe, standing)| match standing {
        Standing::New(days) => {
            let says = format!("{exe} was not seen in the {days} days of the baseline");
            Some(Factor::new("baseline-new-program", 1.0, says))
        }
        _ => None,
    })
}

fn is_usual(fact: &Fact, days: u32) -> bool {
    fact.days >= USUAL_DAYS && f64::from(fact.days) >= USUAL_SHARE * f64::from(days)
}
