//! Who owns a packet, where the header of the capturing system says it.

use super::LinkType;

/// A process, user or app that sent or received a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketOwner<'a> {
    /// Process id.
    pub pid: Option<u32>,
    /// User id.
    pub uid: Option<u32>,
    /// Name of the process or app, as it is there; empty if there is none.
    pub name: &'a [u8],
    /// Whether the host that captured sent the packet, and did not receive it; none if it is not said.
    pub is_outgoing: Option<bool>,
}

impl LinkType {
    /// The owner of a packet, as the header before the frame or a trailer behind it names it.
    pub fn owner(self, frame: &[u8]) -> Option<PacketOwner<'_>> {
        match self.0 {
            1 => android_app(frame),
            149 | 258 => process_of_apple(frame),
            239 => user_of_netfilter(frame),
            _ => None,
        }
    }
}

/// Apple's PKTAP. Source: `struct pktap_header` of `bsd/net/pktap.h` in XNU, and Wireshark's
/// `packet-pktap.c`.
fn process_of_apple(frame: &[u8]) -> Option<PacketOwner<'_>> {
    const INCOMING: u32 = 1;
    const OUTGOING: u32 = 2;
    let word = |at: usize| frame.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let (header_bytes, flags, pid) = (word(0)? as usize, word(36)?, word(52)?);
    let name = text(frame.get(..header_bytes)?.get(56..73)?);
    // The kernel itself has the number 0, and what no process is known for -1.
    let pid = Some(pid).filter(|pid| (1..=i32::MAX as u32).contains(pid))?;
    let is_outgoing = match flags & (INCOMING | OUTGOING) {
        INCOMING => Some(false),
        OUTGOING => Some(true),
        _ => None,
    };
    Some(PacketOwner { pid: Some(pid), uid: None, name, is_outgoing })
}

/// Netfilter's log has the user of what the host itself sends. Source: `NFULA_UID` of
/// `linux/netfilter/nfnetlink_log.h`.
fn user_of_netfilter(frame: &[u8]) -> Option<PacketOwner<'_>> {
    const USER: u16 = 11;
    const MOST_FIELDS: usize = 64;
    // As in the decoder: no field has a number above 255, so that the first one shows the byte order.
    let is_little = *frame.get(7)? == 0;
    let mut rest = frame.get(4..)?;
    for _ in 0..MOST_FIELDS {
        let [length @ .., k0, k1] = *rest.first_chunk::<4>()?;
        let number = |bytes| if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
        let bytes = usize::from(number(length));
        if number([k0, k1]) == USER {
            // It is in network order whatever the header is in.
            let uid = rest.get(4..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
            return Some(PacketOwner { pid: None, uid, name: &[], is_outgoing: Some(true) });
        }
        rest = rest.get(bytes.max(4).next_multiple_of(4)..)?;
    }
    None
}

/// The trailer that `PCAPdroid` puts behind a frame: a magic number, the user id of the app and its name.
/// Source: its user guide, section 4.5.
fn android_app(frame: &[u8]) -> Option<PacketOwner<'_>> {
    const MAGIC: [u8; 4] = 0x0107_2021_u32.to_be_bytes();
    let trailer: &[u8; 32] = frame.last_chunk()?;
    let (magic, rest) = trailer.split_first_chunk::<4>()?;
    let (uid, rest) = rest.split_first_chunk::<4>()?;
    // -1 stands for an app that is not known.
    let uid = Some(u32::from_be_bytes(*uid)).filter(|uid| i32::try_from(*uid).is_ok());
    (*magic == MAGIC).then(|| PacketOwner { pid: None, uid, name: text(&rest[..20]), is_outgoing: None })
}

/// The bytes up to the first NUL.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_trailers_name_the_owner() {
        let mut apple = vec![0; 108];
        apple[0] = 108;
        (apple[36], apple[52], apple[53]) = (2, 0x4d, 1);
        apple[56..60].copy_from_slice(b"curl");
        let owner = LinkType(258).owner(&apple).unwrap();
        assert_eq!((owner.pid, owner.name, owner.is_outgoing), (Some(0x14d), b"curl".as_slice(), Some(true)));
        apple[52..56].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!((LinkType(258).owner(&apple), LinkType(258).owner(&apple[..60])), (None, None));

        let mut frame = vec![0; 60];
        frame.extend([1, 7, 0x20, 0x21, 0, 0, 0x27, 0x8b]);
        frame.extend(b"Firefox\0\0\0\0\0\0\0\0\0\0\0\0\0FCSF");
        let owner = LinkType(1).owner(&frame).unwrap();
        assert_eq!((owner.uid, owner.name, owner.is_outgoing), (Some(10_123), b"Firefox".as_slice(), None));
        assert_eq!(LinkType(1).owner(&frame[..91]), None);

        let log = [2, 0, 0, 5, 8, 0, 1, 0, 0, 0, 3, 0, 8, 0, 11, 0, 0, 0, 0x03, 0xe8, 5, 0, 9, 0, 0x45];
        assert_eq!(LinkType(239).owner(&log).unwrap().uid, Some(1000));
        assert_eq!(LinkType(239).owner(&log[..14]), None);
        assert_eq!(LinkType(239).owner(&[2, 0, 0, 5, 0, 0, 1, 0]), None);
    }
}
